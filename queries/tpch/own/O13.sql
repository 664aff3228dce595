-- Trade from suppliers of one region with customers of another, of nations that trade in quantity
SELECT s_nation.n_name AS from_nation, c_nation.n_name AS to_nation,
       count(*) AS line_count,
       count(DISTINCT l_orderkey) AS orders,
       min(l_discount) AS least_discount,
       max(l_extendedprice) AS dearest,
       sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS charge
FROM lineitem, orders, customer, supplier, part,
     nation s_nation, region s_region, nation c_nation, region c_region
WHERE l_orderkey = o_orderkey
  AND o_custkey = c_custkey
  AND l_suppkey = s_suppkey
  AND l_partkey = p_partkey
  AND s_nationkey = s_nation.n_nationkey
  AND s_nation.n_regionkey = s_region.r_regionkey
  AND c_nationkey = c_nation.n_nationkey
  AND c_nation.n_regionkey = c_region.r_regionkey
  AND s_region.r_name = 'ASIA'
  AND c_region.r_name = 'EUROPE'
  AND c_mktsegment IN ('BUILDING', 'MACHINERY')
  AND o_orderpriority <> '5-LOW'
  AND p_size BETWEEN 10 AND 40
GROUP BY s_nation.n_name, c_nation.n_name
HAVING count(*) > 10
   AND max(l_extendedprice) > 2 * avg(l_extendedprice)
   AND sum(l_quantity) < 50 * count(DISTINCT l_orderkey)
ORDER BY from_nation, to_nation;
