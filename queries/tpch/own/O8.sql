-- Customers whose purchases by rail doubled from 1993 to 1994 and doubled again in 1995
WITH bought AS (
    SELECT o_custkey AS custkey, extract(YEAR FROM o_orderdate) AS o_year,
           sum(l_extendedprice * (1 - l_discount)) AS paid
    FROM orders JOIN lineitem ON o_orderkey = l_orderkey
    WHERE l_shipmode = 'RAIL'
      AND o_orderdate BETWEEN DATE '1993-01-01' AND DATE '1995-12-31'
    GROUP BY o_custkey, extract(YEAR FROM o_orderdate))
SELECT c_custkey, c_name, n_name,
       first.paid AS paid_1993, second.paid AS paid_1994, third.paid AS paid_1995
FROM bought first, bought second, bought third, customer, nation
WHERE first.custkey = second.custkey AND second.custkey = third.custkey
  AND first.o_year = 1993 AND second.o_year = 1994 AND third.o_year = 1995
  AND second.paid > 2 * first.paid AND third.paid > 2 * second.paid
  AND third.custkey = c_custkey
  AND c_nationkey = n_nationkey
ORDER BY paid_1995 DESC, c_custkey
LIMIT 100;
