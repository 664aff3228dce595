-- Quarters of 1995 side by side: sales by nation of the supplier, customers reached, late lines
SELECT n_name,
       sum(l_extendedprice * (1 - l_discount)) FILTER (WHERE o_orderdate < DATE '1995-04-01') AS q1,
       sum(l_extendedprice * (1 - l_discount))
           FILTER (WHERE o_orderdate BETWEEN DATE '1995-04-01' AND DATE '1995-06-30') AS q2,
       sum(l_extendedprice * (1 - l_discount))
           FILTER (WHERE o_orderdate BETWEEN DATE '1995-07-01' AND DATE '1995-09-30') AS q3,
       sum(CASE WHEN o_orderdate >= DATE '1995-10-01'
                THEN l_extendedprice * (1 - l_discount) END) AS q4,
       count(DISTINCT o_custkey) AS customers,
       count(*) FILTER (WHERE l_receiptdate > l_commitdate AND l_shipmode = 'AIR') AS late_by_air,
       count(*) AS line_count
FROM lineitem, orders, supplier, nation
WHERE l_orderkey = o_orderkey
  AND l_suppkey = s_suppkey
  AND s_nationkey = n_nationkey
  AND o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1995-12-31'
GROUP BY n_name
ORDER BY n_name;
