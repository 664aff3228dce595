-- Cubes that dashboards on the Star Schema Benchmark would have: general ones, not one per query.

-- What discounts cost, by time, discount and quantity.
CREATE CUBE discounts AS
SELECT d_year, d_yearmonthnum, d_weeknuminyear, lo_discount, lo_quantity,
       sum(lo_extendedprice * lo_discount), sum(lo_revenue), count(*)
FROM lineorder JOIN date ON lo_orderdate = d_datekey
GROUP BY d_year, d_yearmonthnum, d_weeknuminyear, lo_discount, lo_quantity;

-- Which brands sell, by the region of their suppliers.
CREATE CUBE brands AS
SELECT d_year, p_brand1, s_region, sum(lo_revenue), count(*)
FROM lineorder
JOIN date ON lo_orderdate = d_datekey
JOIN part ON lo_partkey = p_partkey
JOIN supplier ON lo_suppkey = s_suppkey
GROUP BY d_year, p_brand1, s_region;

-- Who buys from whom: nations by year, cities by year and by month.
CREATE CUBE trade AS
SELECT d_year, d_yearmonth, c_nation, c_city, s_nation, s_city, sum(lo_revenue), count(*)
FROM lineorder
JOIN date ON lo_orderdate = d_datekey
JOIN customer ON lo_custkey = c_custkey
JOIN supplier ON lo_suppkey = s_suppkey
GROUP BY GROUPING SETS ((d_year, c_nation, s_nation), (d_year, c_city, s_city), (d_yearmonth, c_city, s_city));

-- What is earned: categories by the nations of customers and suppliers, brands by the suppliers' cities.
CREATE CUBE profit AS
SELECT d_year, c_region, c_nation, s_nation, s_city, p_category, p_brand1,
       sum(lo_revenue - lo_supplycost), sum(lo_revenue), count(*)
FROM lineorder
JOIN date ON lo_orderdate = d_datekey
JOIN customer ON lo_custkey = c_custkey
JOIN supplier ON lo_suppkey = s_suppkey
JOIN part ON lo_partkey = p_partkey
GROUP BY GROUPING SETS ((d_year, c_nation, s_nation, p_category), (d_year, c_region, s_city, p_brand1));
