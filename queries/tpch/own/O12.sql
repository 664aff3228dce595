-- Customers of a region with what they ordered in a week and what of it was sent late, if anything
SELECT n_name, c_mktsegment,
       count(DISTINCT c_custkey) AS customers,
       count(DISTINCT o_custkey) AS buyers,
       count(l_linenumber) AS late_lines,
       coalesce(sum(l_quantity), 0) AS late_quantity,
       max(l_receiptdate) AS last_receipt
FROM customer
JOIN nation ON c_nationkey = n_nationkey
JOIN region ON n_regionkey = r_regionkey AND r_name = 'AFRICA'
LEFT JOIN orders
  ON o_custkey = c_custkey
 AND o_orderdate BETWEEN DATE '1995-02-06' AND DATE '1995-02-12'
LEFT JOIN lineitem
  ON l_orderkey = o_orderkey
 AND l_shipdate > l_commitdate
GROUP BY n_name, c_mktsegment
ORDER BY n_name, c_mktsegment;
