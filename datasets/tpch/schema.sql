-- The TPC-H schema with its keys and references (TPC Benchmark H, revision 3, section 1.4). Orders
-- are sorted by their date, and lines by their order: the lines of one order stand together, and
-- those of one month too.

CREATE TABLE region (
    r_regionkey BIGINT PRIMARY KEY,
    r_name      VARCHAR NOT NULL,
    r_comment   VARCHAR NOT NULL
);

CREATE TABLE nation (
    n_nationkey BIGINT PRIMARY KEY,
    n_name      VARCHAR NOT NULL,
    n_regionkey BIGINT NOT NULL REFERENCES region,
    n_comment   VARCHAR NOT NULL
);

CREATE TABLE supplier (
    s_suppkey   BIGINT PRIMARY KEY,
    s_name      VARCHAR NOT NULL,
    s_address   VARCHAR NOT NULL,
    s_nationkey BIGINT NOT NULL REFERENCES nation,
    s_phone     VARCHAR NOT NULL,
    s_acctbal   DECIMAL(15, 2) NOT NULL,
    s_comment   VARCHAR NOT NULL
);

CREATE TABLE part (
    p_partkey     BIGINT PRIMARY KEY,
    p_name        VARCHAR NOT NULL,
    p_mfgr        VARCHAR NOT NULL,
    p_brand       VARCHAR NOT NULL,
    p_type        VARCHAR NOT NULL,
    p_size        INTEGER NOT NULL,
    p_container   VARCHAR NOT NULL,
    p_retailprice DECIMAL(15, 2) NOT NULL,
    p_comment     VARCHAR NOT NULL
);

CREATE TABLE partsupp (
    ps_partkey    BIGINT NOT NULL REFERENCES part,
    ps_suppkey    BIGINT NOT NULL REFERENCES supplier,
    ps_availqty   INTEGER NOT NULL,
    ps_supplycost DECIMAL(15, 2) NOT NULL,
    ps_comment    VARCHAR NOT NULL,
    PRIMARY KEY (ps_partkey, ps_suppkey)
);

CREATE TABLE customer (
    c_custkey    BIGINT PRIMARY KEY,
    c_name       VARCHAR NOT NULL,
    c_address    VARCHAR NOT NULL,
    c_nationkey  BIGINT NOT NULL REFERENCES nation,
    c_phone      VARCHAR NOT NULL,
    c_acctbal    DECIMAL(15, 2) NOT NULL,
    c_mktsegment VARCHAR NOT NULL,
    c_comment    VARCHAR NOT NULL
);

CREATE TABLE orders (
    o_orderkey      BIGINT PRIMARY KEY,
    o_custkey       BIGINT NOT NULL REFERENCES customer,
    o_orderstatus   VARCHAR NOT NULL,
    o_totalprice    DECIMAL(15, 2) NOT NULL,
    o_orderdate     DATE NOT NULL,
    o_orderpriority VARCHAR NOT NULL,
    o_clerk         VARCHAR NOT NULL,
    o_shippriority  INTEGER NOT NULL,
    o_comment       VARCHAR NOT NULL
) SORTED BY (o_orderdate, o_orderkey);

CREATE TABLE lineitem (
    l_orderkey      BIGINT NOT NULL REFERENCES orders,
    l_partkey       BIGINT NOT NULL REFERENCES part,
    l_suppkey       BIGINT NOT NULL REFERENCES supplier,
    l_linenumber    INTEGER NOT NULL,
    l_quantity      DECIMAL(15, 2) NOT NULL,
    l_extendedprice DECIMAL(15, 2) NOT NULL,
    l_discount      DECIMAL(15, 2) NOT NULL,
    l_tax           DECIMAL(15, 2) NOT NULL,
    l_returnflag    VARCHAR NOT NULL,
    l_linestatus    VARCHAR NOT NULL,
    l_shipdate      DATE NOT NULL,
    l_commitdate    DATE NOT NULL,
    l_receiptdate   DATE NOT NULL,
    l_shipinstruct  VARCHAR NOT NULL,
    l_shipmode      VARCHAR NOT NULL,
    l_comment       VARCHAR NOT NULL,
    PRIMARY KEY (l_orderkey, l_linenumber),
    FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp
) SORTED BY (l_orderkey, l_linenumber);
