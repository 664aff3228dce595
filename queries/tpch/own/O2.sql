-- What each type of part made of polished metal adds to the sales of its brand in a quarter
SELECT p_mfgr, p_brand, p_type,
       sum(l_extendedprice * (1 - l_discount)) AS revenue,
       sum(sum(l_extendedprice * (1 - l_discount))) OVER (PARTITION BY p_brand) AS of_brand,
       100 * sum(l_extendedprice * (1 - l_discount))
           / sum(sum(l_extendedprice * (1 - l_discount))) OVER (PARTITION BY p_brand) AS percent
FROM lineitem JOIN part ON l_partkey = p_partkey
WHERE p_type LIKE '%POLISHED%'
  AND l_shipdate >= DATE '1995-04-01'
  AND l_shipdate < DATE '1995-07-01'
GROUP BY p_mfgr, p_brand, p_type
ORDER BY p_mfgr, p_brand, p_type;
