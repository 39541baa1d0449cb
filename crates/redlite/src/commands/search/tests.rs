use super::super::transcript::check;

const BOOKS: &str = "> FT.CREATE idx ON HASH PREFIX 1 b: SCHEMA title TEXT tags TAG price NUMERIC
     OK
     > HSET b:1 title Hello_World tags red,Blue price 10
     3
     > HSET b:2 title hello,world tags blue price 5
     3
     > HSET b:3 title world,of,cats tags green price 7.5
     3
     > HSET other title hello
     1
";

fn check_books(transcript: &str) {
    check(&[BOOKS, transcript].concat());
}

#[test]
fn documents_are_found_by_words_tags_and_numbers() {
    check_books(
        r#"> FT.SEARCH idx hello NOCONTENT
           [1 "b:2"]
           > FT.SEARCH idx world
           [2 "b:2" ["price" "5" "tags" "blue" "title" "hello,world"] "b:3" ["price" "7.5" "tags" "green" "title" "world,of,cats"]]
           > FT.SEARCH idx @tags:{BLUE} NOCONTENT
           [2 "b:1" "b:2"]
           > FT.SEARCH idx @price:[(5,10] NOCONTENT SORTBY price
           [2 "b:3" "b:1"]
           > FT.SEARCH idx cat NOCONTENT
           [1 "b:3"]
           > FT.SEARCH idx cat NOCONTENT VERBATIM
           [0]
           > FT.SEARCH idx -hello NOCONTENT LIMIT 1 1
           [2 "b:3"]
           > FT.SEARCH idx * RETURN 3 price AS cost SORTBY price DESC LIMIT 0 2
           [3 "b:1" ["cost" "10"] "b:3" ["cost" "7.5"]]
           > FT.SEARCH idx * INKEYS 2 b:3 none NOCONTENT
           [1 "b:3"]
           > FT.SEARCH idx world WITHSCORES NOCONTENT INFIELDS 1 title
           [2 "b:2" "1" "b:3" "1"]
           > FT.SEARCH idx world INFIELDS 1 none
           [0]
           > FT.SEARCH idx * SORTBY price LIMIT 0 1
           [3 "b:2" ["price" "5" "tags" "blue" "title" "hello,world"]]
           > FT.SEARCH idx * LIMIT 0 0
           [3]"#,
    );
}

#[test]
fn an_index_follows_its_hashes() {
    check_books(
        r#"> HSET b:1 title cats
           0
           > FT.SEARCH idx cats NOCONTENT
           [2 "b:3" "b:1"]
           > HDEL b:3 title
           1
           > FT.SEARCH idx cats NOCONTENT
           [1 "b:1"]
           > RENAME b:1 gone
           OK
           > FT.SEARCH idx cats NOCONTENT
           [0]
           > COPY gone b:4
           1
           > FT.SEARCH idx cats NOCONTENT
           [1 "b:4"]
           > SET b:4 x
           OK
           > FT.SEARCH idx * NOCONTENT
           [2 "b:2" "b:3"]
           > HSET b:2 price none
           0
           > FT.SEARCH idx * NOCONTENT
           [1 "b:3"]
           > MOVE b:3 1
           1
           > FT.SEARCH idx * NOCONTENT
           [0]
           > HSET b:5 title x
           1
           > SWAPDB 0 1
           OK
           > FT.SEARCH idx * NOCONTENT
           [1 "b:3"]
           > PEXPIRE b:3 0
           1
           > FT.SEARCH idx * NOCONTENT
           [0]"#,
    );
}

#[test]
fn indexes_come_and_go() {
    check_books(
        r#"> FT.CREATE idx SCHEMA t TEXT
           -Index already exists
           > FT.CREATE all PREFIX 1 oth SCHEMA title AS t TEXT SORTABLE
           OK
           > FT.SEARCH all @t:hello NOCONTENT
           [1 "other"]
           > FT._LIST
           ["idx" "all"]
           > FT.ALTER all SCHEMA ADD n NUMERIC
           OK
           > FT.INFO all
           ["index_name" "all" "index_options" [] "index_definition" ["key_type" "HASH" "prefixes" ["oth"] "default_score" "1"] "attributes" [["identifier" "title" "attribute" "t" "type" "TEXT" "WEIGHT" "1" "SORTABLE"] ["identifier" "n" "attribute" "n" "type" "NUMERIC"]] "num_docs" "1" "max_doc_id" "2" "num_terms" "1" "num_records" "1" "hash_indexing_failures" "0" "indexing" "0" "percent_indexed" "1"]
           > FT.DROPINDEX all DD
           OK
           > EXISTS other
           0
           > FT.DROPINDEX idx
           OK
           > EXISTS b:1
           1
           > FT.SEARCH idx *
           -idx: no such index
           > FT.CREATE idx SCHEMA title TEXT
           OK
           > FT.SEARCH idx hello NOCONTENT
           [1 "b:2"]
           > FLUSHALL
           OK
           > FT._LIST
           []"#,
    );
}

#[test]
fn rows_are_grouped_and_reduced() {
    check_books(
        r#"> HSET b:4 title more tags green
           2
           > FT.AGGREGATE idx * GROUPBY 1 @tags REDUCE COUNT 0 AS n REDUCE SUM 1 @price AS s REDUCE TOLIST 1 @title
           [3 ["tags" "red,Blue" "n" "1" "s" "10" "__generated_aliastolisttitle" ["Hello_World"]] ["tags" "blue" "n" "1" "s" "5" "__generated_aliastolisttitle" ["hello,world"]] ["tags" "green" "n" "2" "s" "7.5" "__generated_aliastolisttitle" ["world,of,cats" "more"]]]
           > FT.AGGREGATE idx * GROUPBY 0 REDUCE AVG 1 @price REDUCE MIN 1 @price AS least REDUCE MAX 1 @price AS most REDUCE STDDEV 1 @price AS d REDUCE COUNT_DISTINCT 1 @tags AS k REDUCE FIRST_VALUE 4 @title BY @price DESC AS f
           [1 ["__generated_aliasavgprice" "7.5" "least" "5" "most" "10" "d" "2.5" "k" "3" "f" "Hello_World"]]
           > FT.AGGREGATE idx * LOAD 1 @title SORTBY 2 @price DESC LIMIT 0 2
           [4 ["title" "Hello_World" "price" "10"] ["title" "world,of,cats" "price" "7.5"]]
           > FT.AGGREGATE idx * APPLY @price*2 AS double FILTER @double>10 SORTBY 1 @double
           [4 ["price" "7.5" "double" "15"] ["price" "10" "double" "20"]]
           > FT.AGGREGATE idx * GROUPBY 1 @price
           [4 ["price" "10"] ["price" "5"] ["price" "7.5"] ["price" nil]]
           > FT.AGGREGATE idx * LOAD 3 tags AS t APPLY split(@t) AS one GROUPBY 1 @one REDUCE COUNT 0 AS n
           [4 ["one" "red" "n" "1"] ["one" "Blue" "n" "1"] ["one" "blue" "n" "1"] ["one" "green" "n" "2"]]"#,
    );
}

#[test]
fn refusals_have_redisearchs_texts() {
    check_books(
        r#"> FT.SEARCH idx
           -ERR wrong number of arguments for 'FT.SEARCH' command
           > FT.SEARCH none * FOO
           -Unknown argument `FOO` at position 1 for <main>
           > FT.SEARCH none (
           -none: no such index
           > FT.SEARCH idx hello|
           -Syntax error at offset 5 near hello
           > FT.SEARCH idx * LIMIT 1
           -LIMIT requires two arguments
           > FT.SEARCH idx * LIMIT 0 1000001
           -LIMIT exceeds maximum of 1000000
           > FT.SEARCH idx * SORTBY none
           -Property `none` not loaded nor in schema
           > FT.SEARCH idx * RETURN 2 a
           -Bad arguments for RETURN: Expected an argument, but none provided
           > FT.SEARCH idx * DIALECT 9
           -DIALECT requires a non negative integer >=1 and <= 3
           > FT.AGGREGATE idx * GROUPBY 1 tags
           -Bad arguments for GROUPBY: Unknown property `tags`. Did you mean `@tags`?
           > FT.AGGREGATE idx * SORTBY 2 @price up
           -MISSING ASC or DESC after sort field (up)
           > FT.AGGREGATE idx * APPLY @none+1 AS x
           -Property `none` not loaded nor in pipeline
           > FT.AGGREGATE idx * FILTER foo()
           -Unknown function name 'foo'
           > FT.AGGREGATE idx * GROUPBY 0 REDUCE FOO 0
           -No such reducer: FOO
           > FT.CREATE new ON JSON SCHEMA t TEXT
           -Invalid rule type: JSON
           > FT.CREATE new SCHEMA t TEXT t TAG
           -Duplicate field in schema - t
           > FT.CREATE new SCHEMA t TEXT u
           -Field `u` does not have a type
           > FT.CREATE new SCHEMA t VECTOR
           -Invalid field type for field `t`
           > FT.CREATE new SCHEMA t GEO x TEXT
           -Invalid field type for field `t`
           > FT.CREATE new PREFIX 1 a b SCHEMA
           -Unknown argument `b`
           > FT.CREATE new FOO 1 SCHEMA t TEXT
           -Unknown argument `FOO`
           > FT.ALTER none SCHEMA ADD t TEXT
           -Unknown index name
           > FT.ALTER idx SCHEMA ADD price NUMERIC
           -Duplicate field in schema - price
           > FT.INFO none
           -Unknown Index name
           > FT.DROPINDEX none
           -Unknown Index name
           > SELECT 1
           OK
           > FT.CREATE new SCHEMA t TEXT
           -Cannot create index on db != 0"#,
    );
}
