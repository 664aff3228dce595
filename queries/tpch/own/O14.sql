-- Customers who in one quarter got goods by air only, by rail only or by both, and how much of each
WITH air AS (
    SELECT o_custkey AS custkey, sum(l_quantity) AS quantity
    FROM orders JOIN lineitem ON o_orderkey = l_orderkey
    WHERE l_shipmode = 'AIR'
      AND l_shipdate BETWEEN DATE '1996-01-01' AND DATE '1996-03-31'
    GROUP BY o_custkey),
rail AS (
    SELECT o_custkey AS custkey, sum(l_quantity) AS quantity
    FROM orders JOIN lineitem ON o_orderkey = l_orderkey
    WHERE l_shipmode = 'RAIL'
      AND l_shipdate BETWEEN DATE '1996-01-01' AND DATE '1996-03-31'
    GROUP BY o_custkey)
SELECT c_mktsegment,
       count(*) FILTER (WHERE rail.custkey IS NULL) AS by_air_only,
       count(*) FILTER (WHERE air.custkey IS NULL) AS by_rail_only,
       count(*) FILTER (WHERE air.custkey = rail.custkey) AS by_both,
       sum(air.quantity) AS air_quantity,
       sum(rail.quantity) AS rail_quantity
FROM air FULL JOIN rail ON air.custkey = rail.custkey
JOIN customer ON coalesce(air.custkey, rail.custkey) = c_custkey
GROUP BY c_mktsegment
ORDER BY c_mktsegment;
