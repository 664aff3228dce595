-- Orders of each region by month: of the month, of the year so far, and of three months on end
SELECT r_name, date_trunc('month', o_orderdate) AS o_month,
       count(*) AS orders,
       sum(o_totalprice) AS total,
       sum(sum(o_totalprice)) OVER (
           PARTITION BY r_name, extract(YEAR FROM date_trunc('month', o_orderdate))
           ORDER BY date_trunc('month', o_orderdate)
           ROWS UNBOUNDED PRECEDING) AS of_year,
       sum(sum(o_totalprice)) OVER (
           PARTITION BY r_name
           ORDER BY date_trunc('month', o_orderdate)
           ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS of_three_months
FROM orders, customer, nation, region
WHERE o_custkey = c_custkey
  AND c_nationkey = n_nationkey
  AND n_regionkey = r_regionkey
GROUP BY r_name, date_trunc('month', o_orderdate)
ORDER BY r_name, o_month;
