-- Customers who bought within their own region in 1994 and again in 1996, and returned none of 1994
WITH near AS (
    SELECT o_custkey, o_orderdate, l_returnflag
    FROM lineitem, orders, customer, nation c_nation, supplier, nation s_nation
    WHERE l_orderkey = o_orderkey
      AND o_custkey = c_custkey
      AND c_nationkey = c_nation.n_nationkey
      AND l_suppkey = s_suppkey
      AND s_nationkey = s_nation.n_nationkey
      AND s_nation.n_regionkey = c_nation.n_regionkey),
loyal AS (
    SELECT o_custkey
    FROM near
    WHERE o_orderdate BETWEEN DATE '1994-01-01' AND DATE '1994-12-31'
    INTERSECT
    SELECT o_custkey
    FROM near
    WHERE o_orderdate BETWEEN DATE '1996-01-01' AND DATE '1996-12-31'
    EXCEPT
    SELECT o_custkey
    FROM near
    WHERE o_orderdate BETWEEN DATE '1994-01-01' AND DATE '1994-12-31'
      AND l_returnflag = 'R')
SELECT r_name, c_mktsegment, count(*) AS customers, sum(c_acctbal) AS balance
FROM loyal, customer, nation, region
WHERE o_custkey = c_custkey
  AND c_nationkey = n_nationkey
  AND n_regionkey = r_regionkey
GROUP BY r_name, c_mktsegment
ORDER BY r_name, c_mktsegment;
