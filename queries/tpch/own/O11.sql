-- The three best customers of each nation in 1997, with what others of the segment paid on average
WITH paid AS (
    SELECT c_nationkey, c_mktsegment, c_custkey, c_name, sum(o_totalprice) AS total
    FROM customer JOIN orders ON c_custkey = o_custkey
    WHERE o_orderdate BETWEEN DATE '1997-01-01' AND DATE '1997-12-31'
    GROUP BY c_nationkey, c_mktsegment, c_custkey, c_name),
placed AS (
    SELECT *,
           row_number() OVER (PARTITION BY c_nationkey ORDER BY total DESC, c_custkey) AS place,
           avg(total) OVER (PARTITION BY c_nationkey, c_mktsegment) AS segment_average
    FROM paid)
SELECT n_name, place, c_name, c_mktsegment, total, segment_average
FROM placed JOIN nation ON c_nationkey = n_nationkey
WHERE place <= 3
ORDER BY n_name, place;
