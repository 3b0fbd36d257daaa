import { PostgreSQL, SQLDialect } from "@codemirror/lang-sql";

/**
 * The words of queries, and no others: PostgreSQL counts `event`, `value`, `key`, `type` and `source` among its own, which
 * are columns here, as is `timestamp`.
 */
export const DIALECT = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords:
    "select from where group by having order limit offset distinct all as on using join inner left right full outer cross natural lateral union intersect except " +
    "with recursive and or not in is null true false between like ilike similar to escape exists any some case when then else end cast asc desc nulls first last " +
    "over partition rows range groups unbounded preceding following current row filter within qualify values interval explain analyze describe show unnest at zone",
  types: "bigint int integer smallint tinyint double float real decimal numeric boolean varchar char text string bytea struct array map",
  builtin: "count sum avg min max now coalesce nullif date_trunc date_part extract lower upper trim length substr concat replace split_part regexp_like regexp_match to_timestamp array_agg string_agg row_number rank dense_rank lag lead first_value last_value",
});
