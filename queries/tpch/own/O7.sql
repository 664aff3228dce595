-- Nations whose customers ordered the most parts of 1.2 times the average price of their brand
SELECT n_name, count(*) AS line_count, sum(l_quantity) AS quantity,
       count(DISTINCT p_partkey) AS parts
FROM part p, lineitem, orders, customer, nation
WHERE p_partkey = l_partkey
  AND l_orderkey = o_orderkey
  AND o_custkey = c_custkey
  AND c_nationkey = n_nationkey
  AND o_orderdate >= DATE '1996-10-01'
  AND o_orderdate < DATE '1997-01-01'
  AND p_retailprice > (
      SELECT 1.2 * avg(same.p_retailprice)
      FROM part same
      WHERE same.p_brand = p.p_brand)
GROUP BY n_name
HAVING count(*) >= 10
ORDER BY line_count DESC, n_name
LIMIT 10;
