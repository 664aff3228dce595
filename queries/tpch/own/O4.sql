-- Value in stock beside value sold in 1997, by manufacturer and nation of the supplier, with totals
SELECT p_mfgr, n_name, grouping(p_mfgr) AS all_mfgrs, grouping(n_name) AS all_nations,
       sum(stock) AS stock, sum(sold) AS sold, sum(sold) - sum(cost) AS profit
FROM (
    SELECT ps_partkey AS partkey, ps_suppkey AS suppkey,
           ps_supplycost * ps_availqty AS stock, 0.00 AS sold, 0.00 AS cost
    FROM partsupp
    UNION ALL
    SELECT l_partkey, l_suppkey, 0.00, l_extendedprice * (1 - l_discount),
           ps_supplycost * l_quantity
    FROM lineitem JOIN partsupp ON l_partkey = ps_partkey AND l_suppkey = ps_suppkey
    WHERE l_shipdate BETWEEN DATE '1997-01-01' AND DATE '1997-12-31') AS movements
JOIN part ON partkey = p_partkey
JOIN supplier ON suppkey = s_suppkey
JOIN nation ON s_nationkey = n_nationkey
GROUP BY GROUPING SETS ((p_mfgr, n_name), (p_mfgr), (n_name), ())
ORDER BY all_mfgrs, all_nations, p_mfgr, n_name;
