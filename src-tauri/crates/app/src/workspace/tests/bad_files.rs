//! Bad files, each with the place and the sentence that a person gets.

use super::*;

const CLUSTER: (&str, &str) = (
    "clusters/prod.toml",
    "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b:9092\"\n",
);
const WAREHOUSE: (&str, &str) = (
    "warehouses/crm.toml",
    "kind = \"sqlite\"\npath = \"crm.db\"\n[tables.accounts]\nkey = \"user_id\"\n",
);
const AUDIENCE: (&str, &str) = ("audiences/all.sql", "SELECT profile_id FROM profiles\n");
const DESTINATION: (&str, &str) = (
    "destinations/exports.toml",
    "kind = \"file\"\n[settings]\npath = \"exports\"\n",
);

/// Beside good definitions, `text` as `file` gives exactly this problem; `""`: none.
fn check(file: &str, text: &str, expected: &str) {
    let files: Vec<(&str, &str)> = [CLUSTER, WAREHOUSE, AUDIENCE, DESTINATION, (file, text)].to_vec();
    let (_dir, workspace) = workspace(&files);
    let problems = workspace.problems();
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    if expected.is_empty() {
        assert_eq!(messages, Vec::<&str>::new(), "of {text}");
        return;
    }
    assert_eq!(messages, [expected], "of {text}");
    // The position is the one that the message opens with.
    let position = problems[0].position.clone().unwrap();
    let place = format!(
        "{}:{}:{}: ",
        position.file.unwrap(),
        position.line,
        position.column
    );
    assert!(expected.starts_with(&place), "{expected} is at {place}");
}

#[test]
fn text_that_is_no_toml() {
    let file = "clusters/x.toml";
    check(
        file,
        "kind = \"kafka\n",
        "clusters/x.toml:1:14: not valid TOML: invalid basic string, expected \"",
    );
    check(
        file,
        "# a comment\nkind = \n",
        "clusters/x.toml:2:8: not valid TOML: a value is missing here, or a text is without its quotes",
    );
    check(
        file,
        "kind = kafka\n",
        "clusters/x.toml:1:8: not valid TOML: a value is missing here, or a text is without its quotes",
    );
    check(
        file,
        "kind = \"sandbox\"\ncolor = \"#ffffff\"\nkind = \"kafka\"\n",
        "clusters/x.toml:3:1: this key is already set above: keep one of the two",
    );
    check(
        file,
        "kind = \"sandbox\"\n[sandbox\nseed = 3\n",
        "clusters/x.toml:2:9: not valid TOML: unclosed table, expected ]",
    );
}

#[test]
fn keys_that_are_unknown_or_missing() {
    check(
        "clusters/x.toml",
        "kind = \"sandbox\"\ncolour = \"#ffffff\"\n",
        "clusters/x.toml:2:1: the key \"colour\" is not known here: did you mean \"color\"?",
    );
    check(
        "clusters/x.toml",
        "kind = \"sandbox\"\n\n[sandbox]\n  elephants = 3\n",
        "clusters/x.toml:4:3: the key \"elephants\" is not known here: the keys are seed, events_per_second, history_events, \
         history_days, people",
    );
    check(
        "clusters/x.toml",
        "color = \"#ffffff\"\n",
        "clusters/x.toml:1:1: the key \"kind\" is missing: add it",
    );
    check(
        "warehouses/x.toml",
        "kind = \"sqlite\"\npath = \"x.db\"\n\n[tables.accounts]\n",
        "warehouses/x.toml:4:1: the key \"key\" is missing in tables.accounts: add it",
    );
    check(
        "audiences/x.toml",
        "[condition]\nall = [\n  { performed = { op = \">=\", value = 3 } },\n]\n",
        "audiences/x.toml:3:17: the key \"event\" is missing in condition.all[0].performed: add it",
    );
}

#[test]
fn values_of_the_wrong_kind() {
    check(
        "clusters/x.toml",
        "kind = \"kafak\"\n",
        "clusters/x.toml:1:8: kind can't be \"kafak\": did you mean \"kafka\"? It may be \"kafka\" or \"sandbox\"",
    );
    check(
        "clusters/x.toml",
        "kind = \"sandbox\"\nread_only = \"yes\"\n",
        "clusters/x.toml:2:13: read_only must be true or false, not the text \"yes\"",
    );
    check(
        "clusters/x.toml",
        "kind = \"sandbox\"\n[sandbox]\nseed = -3\n",
        "clusters/x.toml:3:8: sandbox.seed must be a whole number of 0 or more, not -3",
    );
    check(
        "clusters/x.toml",
        "kind = \"kafka\"\n[properties]\nbootstrap.servers = \"b:9092\"\n",
        "clusters/x.toml:3:1: a property's name with dots is written in quotes: \"bootstrap.…\" = \"...\"",
    );
    check(
        "clusters/x.toml",
        "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b:9092\"\n\"linger.ms\" = 3\n",
        "clusters/x.toml:4:15: properties.\"linger.ms\" must be text in quotes, not 3",
    );
    check(
        "syncs/x.toml",
        "audience = \"all\"\ndestination = \"exports\"\nevery = \"5 fortnights\"\n",
        "syncs/x.toml:3:9: \"5 fortnights\" is not a span of time: write a number and a unit, such as \"14 days\" or \"2 hours\"",
    );
}

#[test]
fn conditions_that_do_not_read() {
    let check = |condition: &str, expected: &str| check("audiences/x.toml", condition, expected);
    check(
        "[condition]\nany = [ { performd = { event = \"x\" } } ]\n",
        "audiences/x.toml:2:11: \"performd\" is no condition: did you mean \"performed\"?",
    );
    check(
        "[condition]\nany = [ { happened = { event = \"x\" } } ]\n",
        "audiences/x.toml:2:11: \"happened\" is no condition: write one of all, any, not, performed, attribute, trait, \
         in_audience, sql",
    );
    check(
        "condition.performed = { event = \"x\", op = \"=>\", value = 3 }\n",
        "audiences/x.toml:1:43: op can't be \"=>\": it may be \"=\", \"!=\", \"<\", \"<=\", \">\" or \">=\"",
    );
    check(
        "condition.performed = { event = \"x\", op = \">=\", value = \"3\" }\n",
        "audiences/x.toml:1:57: condition.performed.value must be a number, not the text \"3\"",
    );
    check(
        "[condition]\nall = [ { sql = \"true\", in_audience = \"all\" } ]\n",
        "audiences/x.toml:2:9: a condition has exactly one of all, any, not, performed, attribute, trait, in_audience, sql; \
         this one has more than one",
    );
    check(
        "[condition]\n",
        "audiences/x.toml:1:1: a condition has exactly one of all, any, not, performed, attribute, trait, in_audience, sql; \
         this one has none",
    );
    check(
        "condition = 3\n",
        "audiences/x.toml:1:13: condition must be a table such as { performed = { ... } }",
    );
    check(
        "[condition]\nall = { sql = \"x\" }\n",
        "audiences/x.toml:2:7: condition.all must be a list in [ ], not a table",
    );
    check(
        "[condition]\ntrait = { name = \"born\", op = \"=\", value = 1979-05-27 }\n",
        "audiences/x.toml:2:44: condition.trait.value must be text, a number, true, false, or a list of these",
    );
}

#[test]
fn names_that_lead_nowhere() {
    check(
        "sources/x.toml",
        "cluster = \"prd\"\ntopic = \"t\"\n",
        "sources/x.toml:1:11: there is no cluster \"prd\": did you mean \"prod\"?",
    );
    check(
        "sources/x.toml",
        "cluster = \"dev\"\ntopic = \"t\"\n",
        "sources/x.toml:1:11: there is no cluster \"dev\": there are prod",
    );
    check(
        "sources/x.toml",
        "cluster = \"prod\"\ntopic = \"shop events\"\n",
        "sources/x.toml:2:9: \"shop events\" can't be a topic: its name is 1 to 249 letters, digits, '.', '_' and '-'",
    );
    check(
        "syncs/x.toml",
        "audience = \"al\"\ndestination = \"exports\"\n",
        "syncs/x.toml:1:12: there is no audience \"al\": there are all",
    );
    check(
        "syncs/x.toml",
        "audience = \"all\"\ndestination = \"nowhere\"\n",
        "syncs/x.toml:2:15: there is no destination \"nowhere\": there are exports",
    );
    let sync = |rest: &str| format!("audience = \"all\"\ndestination = \"exports\"\n{rest}");
    check(
        "syncs/x.toml",
        &sync("key = \"email\"\n[mapping]\nuser_id = \"user_id\"\n"),
        "syncs/x.toml:3:7: the key \"email\" is no column of the mapping, which has user_id: map it, or choose another key",
    );
    check(
        "syncs/x.toml",
        &sync("\n[mapping]\nmail = \"email\"\n"),
        "syncs/x.toml:4:1: the key \"user_id\" is no column of the mapping, which has mail: map it, or choose another key",
    );
    check(
        "syncs/x.toml",
        &sync("[mapping]\nuser_id = \"user_id\"\nplan = \"crm.account.plan\"\n"),
        "syncs/x.toml:5:8: the warehouse \"crm\" has no table \"account\": warehouses/crm.toml has accounts",
    );
    check(
        "syncs/x.toml",
        &sync("[mapping]\nuser_id = \"user_id\"\nplan = \"accounts.plan\"\n"),
        "syncs/x.toml:5:8: \"accounts.plan\" is nothing to map: write an identifier (\"user_id\"), a trait, or \
         \"warehouse.table.column\"",
    );
    check(
        "syncs/x.toml",
        &sync("[mapping]\nuser_id = \"user_id\"\nplan = \"crm.accounts.plan\"\n"),
        "",
    );
}

#[test]
fn conditions_that_can_not_hold() {
    let check = |condition: &str, expected: &str| {
        check(
            "audiences/x.toml",
            &format!("[condition]\nall = [\n{condition}\n]\n"),
            expected,
        )
    };
    check(
        "{ attribute = { table = \"crm.account\", column = \"plan\", op = \"=\", value = \"pro\" } },",
        "audiences/x.toml:3:25: the warehouse \"crm\" has no table \"account\": warehouses/crm.toml has accounts",
    );
    check(
        "{ attribute = { table = \"cmr.accounts\", column = \"plan\", op = \"=\", value = \"pro\" } },",
        "audiences/x.toml:3:25: there is no warehouse \"cmr\": did you mean \"crm\"?",
    );
    check(
        "{ sql = \"true\" },\n{ any = [{ attribute = { table = \"crm.accounts\", column = \"plan\", op = \"in\", value = \"pro\" } }] },",
        "audiences/x.toml:4:86: \"in\" takes a list of one or more: value = [\"a\", \"b\"]",
    );
    check(
        "{ trait = { name = \"ltv\", op = \"between\", value = [1] } },",
        "audiences/x.toml:3:51: \"between\" takes a list of two: value = [1, 10]",
    );
    check(
        "{ trait = { name = \"ltv\", op = \"null\", value = 1 } },",
        "audiences/x.toml:3:48: \"null\" takes no value: remove it",
    );
    check(
        "{ trait = { name = \"ltv\", op = \">\" } },",
        "audiences/x.toml:3:32: the operator \">\" needs a value: add value = ...",
    );
    check(
        "{ performed = { event = \"A\", op = \">\", value = 1, where = [{ property = \"p\", op = \"starts\", value = 1 }] } },",
        "audiences/x.toml:3:101: \"starts\" takes a text: value = \"...\"",
    );
    check(
        "{ performed = { event = \"A\", aggregate = \"sum\", op = \">\", value = 1 } },",
        "audiences/x.toml:3:42: \"sum\" needs a property: add property = \"...\"",
    );
    check(
        "{ performed = { event = \"A\", property = \"p\", op = \">\", value = 1 } },",
        "audiences/x.toml:3:41: a count has no property: remove it, or write another aggregate (sum, min, max, avg, distinct)",
    );
    check(
        "{ in_audience = \"nobody\" },",
        "audiences/x.toml:3:17: there is no audience \"nobody\": there are all, x",
    );
    check(
        "{ in_audience = \"x\" },",
        "audiences/x.toml:3:17: audiences can't depend on themselves: x -> x",
    );
    check(
        "{ not = { sql = \" \" } },",
        "audiences/x.toml:3:17: the SQL is empty: write a predicate over the columns of profiles",
    );
}

#[test]
fn conditions_in_every_notation_have_their_places() {
    let expected =
        |place: &str| format!("audiences/x.toml:{place}: there is no audience \"nobody\": there are all, x");
    check(
        "audiences/x.toml",
        "condition.in_audience = \"nobody\"\n",
        &expected("1:25"),
    );
    check(
        "audiences/x.toml",
        "condition = { not = { in_audience = \"nobody\" } }\n",
        &expected("1:37"),
    );
    check(
        "audiences/x.toml",
        "[[condition.any]]\nsql = \"true\"\n[[condition.any]]\nin_audience = \"nobody\"\n",
        &expected("4:15"),
    );
    check(
        "audiences/x.toml",
        "[condition.not]\nin_audience = \"nobody\"\n",
        &expected("2:15"),
    );
}

#[test]
fn audiences_that_go_round() {
    let audience = |of: &str| format!("condition.in_audience = \"{of}\"\n");
    let (a, b, c) = (audience("b"), audience("c"), audience("a"));
    let (_dir, workspace) = workspace(&[
        ("audiences/a.toml", &a),
        ("audiences/b.toml", &b),
        ("audiences/c.toml", &c),
    ]);
    let messages: Vec<String> = workspace
        .problems()
        .into_iter()
        .map(|problem| problem.message)
        .collect();
    assert_eq!(
        messages,
        [
            "audiences/a.toml:1:25: audiences can't depend on themselves: a -> b -> c -> a",
            "audiences/b.toml:1:25: audiences can't depend on themselves: b -> c -> a -> b",
            "audiences/c.toml:1:25: audiences can't depend on themselves: c -> a -> b -> c",
        ]
    );
}

#[test]
fn clusters_and_warehouses_that_say_too_little_or_too_much() {
    check(
        "clusters/x.toml",
        "kind = \"kafka\"\n",
        "clusters/x.toml:1:1: the property \"bootstrap.servers\" is missing: add it under [properties], such as \"broker-1:9092\"",
    );
    check(
        "clusters/x.toml",
        "kind = \"sandbox\"\ncolor = \"green\"\n",
        "clusters/x.toml:2:9: \"green\" is no colour: write #rrggbb, such as \"#6aa6f8\"",
    );
    check(
        "clusters/x.toml",
        "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b\"\n\"sasl.password\" = \"hunter2\"\n",
        "clusters/x.toml:4:19: sasl.password stands here in the open: write \"secret:sasl_password\" and keep the value with \
         `tailrace secret set sasl_password`",
    );
    check(
        "clusters/x.toml",
        "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b\"\n\"sasl.password\" = \"secret:my password\"\n",
        "clusters/x.toml:4:19: the name of a secret is 1 to 64 letters, digits, '_', '-' and '.': write \"secret:NAME\"",
    );
    check(
        "destinations/x.toml",
        "kind = \"webhook\"\n[settings]\nurl = \"http://h\"\nheaders = { A = \"secret:\" }\n",
        "destinations/x.toml:4:17: the name of a secret is 1 to 64 letters, digits, '_', '-' and '.': write \"secret:NAME\"",
    );
    check(
        "warehouses/x.toml",
        "kind = \"sqlite\"\n\n[tables.t]\nkey = \"id\"\n",
        "warehouses/x.toml:1:1: the path of the SQLite file is missing: add path = \"FILE.db\", relative to the workspace",
    );
    check(
        "warehouses/prod.toml",
        "kind = \"sqlite\"\npath = \"p.db\"\n[tables.t]\nkey = \"id\"\n",
        "warehouses/prod.toml:1:1: a cluster is called \"prod\" too, and SQL could not tell them apart: rename one of them",
    );
    check(
        "warehouses/traits.toml",
        "kind = \"sqlite\"\npath = \"p.db\"\n[tables.t]\nkey = \"id\"\n",
        "warehouses/traits.toml:1:1: a warehouse can't be called \"traits\", SQL uses that name itself: rename the file",
    );
}

#[test]
fn traits_and_audiences_that_are_nothing_or_two_things() {
    check(
        "traits/x.toml",
        "title = \"X\"\n",
        "traits/x.toml:1:1: the trait says nothing: add [computed], or write traits/x.sql",
    );
    check(
        "audiences/x.toml",
        "",
        "audiences/x.toml:1:1: the audience says nothing: add [condition], or write audiences/x.sql",
    );
    check(
        "audiences/x.sql",
        " \n",
        "audiences/x.sql:1:1: the SQL is empty: write a SELECT of profile_id",
    );
    check(
        "audiences/all.toml",
        "title = \"All\"\n[condition]\nall = []\n",
        "audiences/all.toml:2:2: there is audiences/all.sql too: keep the condition or the SQL file, not both",
    );
    check(
        "traits/x.toml",
        "title = \"X\"\nsql = \"SELECT 1\"\n",
        "traits/x.toml:2:1: SQL has its own file: move the text of \"sql\" to traits/x.sql and remove the key",
    );
    check(
        "audiences/loyal-people.sql",
        "SELECT 1\n",
        "audiences/loyal-people.sql:1:1: \"loyal-people\" can't name an audience: a name is at most 64 letters (a-z), digits and \
         _, and begins with a letter",
    );
}

#[test]
fn a_broken_workspace_file_is_a_problem_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(WORKSPACE_FILE), "nam = \"x\"\n").unwrap();
    let workspace = Workspace::open(dir.path()).unwrap();
    assert_eq!(workspace.definitions.name(), "workspace");
    assert_eq!(workspace.definitions.time_zone(), "UTC");
    assert_eq!(
        workspace.problems()[0].message,
        "tailrace.toml:1:1: the key \"nam\" is not known here: did you mean \"name\"?"
    );
}

#[test]
fn a_time_zone_that_is_none_is_said_with_its_line() {
    let text = |zone: &str| format!("name = \"x\"\ntime_zone = \"{zone}\"\n");
    check(WORKSPACE_FILE, &text("Europe/Berlin"), "");
    check(
        WORKSPACE_FILE,
        &text("Europe/Berln"),
        "tailrace.toml:2:13: there is no time zone \"Europe/Berln\": did you mean \"Europe/Berlin\"?",
    );
}

#[test]
fn a_folder_that_is_no_workspace_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().display();
    assert_eq!(
        Workspace::open(dir.path()).unwrap_err().message,
        format!(
            "{shown} is no workspace, it has no tailrace.toml: name another folder, or make one with `tailrace init {shown}`"
        )
    );
    let said = Workspace::open(dir.path()).unwrap_err().path;
    assert_eq!(said.as_deref(), Some(shown.to_string().as_str()));
    let gone = dir.path().join("gone");
    let shown = gone.display();
    let said = Workspace::open(&gone).unwrap_err().path;
    assert_eq!(said.as_deref(), Some(shown.to_string().as_str()));
    assert_eq!(
        Workspace::open(&gone).unwrap_err().message,
        format!(
            "{shown} can't be opened (no such file or directory): name a workspace, or make one with `tailrace init {shown}`"
        )
    );
}

#[test]
fn lookups_say_what_there_is() {
    let (_dir, workspace) = workspace(&[CLUSTER, ("clusters/bad.toml", "kind = \"kafak\"\n")]);
    let definitions = &workspace.definitions;
    assert!(definitions.cluster("prod").is_ok());
    let check = |result: Result<()>, expected: &str| assert_eq!(result.unwrap_err().message, expected);
    check(
        definitions.cluster("prd").map(drop),
        "there is no cluster \"prd\": did you mean \"prod\"?",
    );
    check(
        definitions.audience("x").map(drop),
        "there is no audience \"x\": the folder audiences is empty; write audiences/x.toml",
    );
    check(
        definitions.cluster("bad").map(drop),
        "clusters/bad.toml:1:8: kind can't be \"kafak\": did you mean \"kafka\"? It may be \"kafka\" or \"sandbox\"",
    );
    assert_eq!(
        definitions
            .valid_clusters()
            .map(|(name, _)| name)
            .collect::<Vec<_>>(),
        ["prod"]
    );
    assert_eq!(definitions.cluster("x").unwrap_err().code, "unknown_cluster");
}

#[test]
fn conditions_nested_too_deep_are_refused() {
    let nested = |depth: usize| {
        format!(
            "condition = {}{{ sql = \"true\" }}{}\n",
            "{ not = ".repeat(depth),
            " }".repeat(depth)
        )
    };
    check("audiences/x.toml", &nested(CONDITION_DEPTH_MAX - 1), "");
    let column = "condition = ".len() + CONDITION_DEPTH_MAX * "{ not = ".len() + 1;
    check(
        "audiences/x.toml",
        &nested(CONDITION_DEPTH_MAX),
        &format!(
            "audiences/x.toml:1:{column}: conditions are nested more than 32 deep: make a part an audience"
        ),
    );
}

#[test]
fn alerts_and_settings_of_lag() {
    let file = "alerts/x.toml";
    check(
        file,
        "status = [\"err\"]\nfor = \"5 minutes\"\ngroups = [\"a-*\"]\n[webhook]\nurl = \"secret:hook\"\n",
        "",
    );
    check(
        file,
        "for = \"1 minute\"\n",
        "alerts/x.toml:1:1: the alert watches for nothing: add lag = 10000, lag_time = \"5 minutes\", status = [\"err\"] or violations = 100",
    );
    check(
        file,
        "lag = 1\nclusters = [\"prod\", \"prd\"]\n",
        "alerts/x.toml:2:21: there is no cluster \"prd\": did you mean \"prod\"?",
    );
    check(
        file,
        "lag = 1\nfor = \"5 fortnights\"\n",
        "alerts/x.toml:2:7: \"5 fortnights\" is not a span of time: write a number and a unit, such as \"14 days\" or \"2 hours\"",
    );
    check(
        file,
        "lag = 1\nfor = \"8 days\"\n",
        "alerts/x.toml:2:7: for can't be 8 days: it is a week at most",
    );
    check(
        file,
        "lag = 1\n[webhook]\nurl = \"example.org\"\n",
        "alerts/x.toml:3:7: the url has to begin with https:// or http://, or be a secret:NAME",
    );
    check(
        file,
        "lag = 0\n",
        "alerts/x.toml:1:7: a lag of at least 0 always holds: write 1 or more",
    );
    let cluster = "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b:9092\"\n[lag]\n";
    check(
        "clusters/x.toml",
        &format!("{cluster}every = \"20 minutes\"\n"),
        "clusters/x.toml:5:9: every can't be 20 minutes: lag is sampled every 1 second to every 10 minutes",
    );
    check(
        "clusters/x.toml",
        &format!("{cluster}every = \"10 seconds\"\nwindow = \"20 seconds\"\n"),
        "clusters/x.toml:6:10: the window of 20 seconds is too short: it has to hold at least four samples, see every",
    );
    check(
        "clusters/x.toml",
        &format!("{cluster}window = \"10 minutes\"\nsamples_min = 5\ncommits = 20\n"),
        "",
    );
    check(
        "clusters/x.toml",
        &format!("{cluster}commits = 2\n"),
        "clusters/x.toml:5:11: commits can't be 2: a partition is judged by its last 3 to 60",
    );
}
