-- Suppliers by nation that were hard pressed: goods all but sold out, or much returned in a month
SELECT r_name, n_name, count(*) AS suppliers, sum(s_acctbal) AS balance, min(s_name) AS first_name
FROM supplier, nation, region
WHERE s_nationkey = n_nationkey
  AND n_regionkey = r_regionkey
  AND (EXISTS (
           SELECT *
           FROM partsupp
           WHERE ps_suppkey = s_suppkey
             AND ps_availqty < 10
             AND ps_supplycost > 900)
       OR EXISTS (
           SELECT *
           FROM lineitem
           WHERE l_suppkey = s_suppkey
             AND l_returnflag = 'R'
             AND l_quantity >= 49
             AND l_shipdate BETWEEN DATE '1994-06-01' AND DATE '1994-06-30'))
  AND NOT EXISTS (
      SELECT *
      FROM lineitem JOIN part ON l_partkey = p_partkey
      WHERE l_suppkey = s_suppkey
        AND p_container = 'JUMBO DRUM'
        AND l_shipdate BETWEEN DATE '1994-06-01' AND DATE '1994-06-30')
GROUP BY r_name, n_name
ORDER BY r_name, n_name;
