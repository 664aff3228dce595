-- Nations and segments whose orders were worth less than in the year before, by over a twentieth
WITH yearly AS (
    SELECT n_name, c_mktsegment, extract(YEAR FROM o_orderdate) AS o_year,
           count(*) AS orders, sum(o_totalprice) AS total
    FROM orders
    JOIN customer ON o_custkey = c_custkey
    JOIN nation ON c_nationkey = n_nationkey
    WHERE o_orderdate < DATE '1998-01-01'
    GROUP BY n_name, c_mktsegment, extract(YEAR FROM o_orderdate))
SELECT this.n_name AS nation, this.c_mktsegment AS segment, this.o_year AS o_year,
       before.orders AS orders_before, this.orders AS orders,
       before.total AS total_before, this.total AS total, this.total - before.total AS change
FROM yearly this JOIN yearly before
  ON this.n_name = before.n_name
 AND this.c_mktsegment = before.c_mktsegment
 AND this.o_year = before.o_year + 1
WHERE this.total < 0.95 * before.total
ORDER BY nation, segment, o_year;
