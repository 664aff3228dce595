-- Sales of 1996 by region and nation of the supplier, with subtotals and the place among its peers
SELECT r_name, n_name,
       grouping(r_name) + grouping(n_name) AS depth,
       sum(l_quantity) AS quantity,
       sum(l_extendedprice * (1 - l_discount)) AS revenue,
       rank() OVER (
           PARTITION BY grouping(r_name) + grouping(n_name),
                        CASE WHEN grouping(n_name) = 0 THEN r_name END
           ORDER BY sum(l_extendedprice * (1 - l_discount)) DESC) AS place
FROM lineitem, supplier, nation, region
WHERE l_suppkey = s_suppkey
  AND s_nationkey = n_nationkey
  AND n_regionkey = r_regionkey
  AND l_shipdate BETWEEN DATE '1996-01-01' AND DATE '1996-12-31'
GROUP BY ROLLUP (r_name, n_name)
ORDER BY depth, r_name, n_name;
