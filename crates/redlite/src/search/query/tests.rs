use super::*;

/// The tree in a form as explicit as it can be.
fn show(node: &Node) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = |nodes: &[Node]| nodes.iter().map(show).collect::<Vec<_>>().join(" ");
    let affix = |part: &[u8], place: &Place| match place {
        Place::Start => format!("{}*", text(part)),
        Place::End => format!("*{}", text(part)),
        Place::Anywhere => format!("*{}*", text(part)),
    };
    match node {
        Node::All => "all".to_owned(),
        Node::Term(term) => text(term),
        Node::Affix(part, place) => affix(part, place),
        Node::Fuzzy(word, edits) => format!("{}~{edits}", text(word)),
        Node::Phrase(words) => format!("\"{}\"", text(&words.join(&b' '))),
        Node::And(nodes) => format!("and({})", all(nodes)),
        Node::Or(nodes) => format!("or({})", all(nodes)),
        Node::Not(inner) => format!("not({})", show(inner)),
        Node::Optional(inner) => format!("optional({})", show(inner)),
        Node::Fields(names, inner) => format!("{}:{}", text(&names.join(&b'|')), show(inner)),
        Node::Tags(name, tags) => {
            let tags = tags.iter().map(|tag| match tag {
                Tag::Whole(tag) => text(tag),
                Tag::Affix(part, place) => affix(part, place),
            });
            format!("{}:{{{}}}", text(name), tags.collect::<Vec<_>>().join("|"))
        }
        Node::Range(name, Range { low, high }) => {
            let bound = |bound: &Bound| format!("{}{}", if bound.included { "" } else { "(" }, bound.value);
            format!("{}:[{} {}]", text(name), bound(low), bound(high))
        }
    }
}

fn parse_shown(query: &str, dialect: Dialect) -> String {
    match parse(query.as_bytes(), dialect, &|word| word.eq_ignore_ascii_case(b"the")) {
        Ok(Some(node)) => show(&node),
        Ok(None) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(parse_shown(query, Dialect::One), expected, "{query}");
}

#[test]
fn every_form_is_read() {
    check("", "nothing");
    check("The the", "nothing");
    check("*", "all");
    check("Hello", "hello");
    check("hello the world", "and(hello world)");
    check("a b \"c\" d", "and(a b \"c\" d)");
    check("\"hello the World\"", "\"hello world\"");
    check("hel* *llo *ell*", "and(hel* *llo *ell*)");
    check("%hello% %%a%% %%%the%%%", "and(hello~1 a~2 the~3)");
    check("@tags:{Red | dark the blue | x*}", "tags:{Red|dark the blue|x*}");
    check("@n:[1 (5.5] @n:[-inf +inf] @n:[(-1 --2]", "and(n:[1 (5.5] n:[-inf inf] n:[(-1 2])");
    check("@n:[1e2 1E-1]", "n:[100 0.1]");
    check("foo\\-bar\\ x", "foo-bar x");
    check("10 10a 1.5", "and(10 10a 1.5)");
    check("a,b.c/d", "and(a b c d)");
}

#[test]
fn parts_bind_as_dialect_1_says() {
    check("a b | c d", "or(and(a b) and(c d))");
    check("hello world | \"goodbye\" moon", "and(or(and(hello world) \"goodbye\") moon)");
    check("(a|b) c", "and(or(a b) c)");
    check("(a b) c", "and(a b c)");
    check("(a|b)|c", "or(a b c)");
    check("@t:a b", "t:and(a b)");
    check("@t:a|b \"c\"", "and(t:or(a b) \"c\")");
    check("@t|u:(a) x*", "and(t|u:a x*)");
    check("-a b", "not(and(a b))");
    check("-a -b", "and(not(a) not(b))");
    check("-a \"b\"", "and(not(a) \"b\")");
    check("~a -b", "optional(and(a not(b)))");
    check("~a ~b", "and(optional(a) optional(b))");
    check("x -a|b", "and(x not(or(a b)))");
    check("@n:[1 2]|@n:[3 4] a", "and(or(n:[1 2] n:[3 4]) a)");
}

#[test]
fn parts_bind_as_dialect_2_says() {
    let check = |query: &str, expected: &str| assert_eq!(parse_shown(query, Dialect::Two), expected, "{query}");
    check("hello world | \"goodbye\" moon", "or(and(hello world) and(\"goodbye\" moon))");
    check("-a b", "and(not(a) b)");
    check("@t:a b", "and(t:a b)");
    check("@t:(a b) ~c d", "and(t:and(a b) optional(c) d)");
    check("@t:-a|b", "or(t:not(a) b)");
}

#[test]
fn an_error_says_where() {
    check("(a", "Syntax error at offset 1 near a");
    check("a )", "Syntax error at offset 2 near a");
    check(")", "Syntax error at offset 0 near ");
    check("@t", "Syntax error at offset 0 near t");
    check("@t: ", "Syntax error at offset 2 near t");
    check("a |", "Syntax error at offset 2 near a");
    check("hello @n:[1 x]", "Syntax error at offset 12 near x");
    check("@n:[1]", "Syntax error at offset 5 near 1");
    check("@t:{}", "Syntax error at offset 4 near t");
    check("@t:{a", "Syntax error at offset 4 near a");
    check("\"\"", "Syntax error at offset 1 near ");
    check("%a%%", "Syntax error at offset 3 near a");
    check("%%%%a%%%%", "Syntax error at offset 3 near ");
    check("* a", "Syntax error at offset 0 near ");
    check("a *", "Syntax error at offset 2 near a");
}

#[test]
fn size_and_depth_are_bounded() {
    check(&"(".repeat(5000), "Query is too large at offset 4096");
    check(&"(".repeat(1000), "Query is nested too deeply at offset 100");
    check(&"-".repeat(1000), "Query is nested too deeply at offset 100");
    check(&"@a:".repeat(1000), "Query is nested too deeply at offset 300");
    check(&"a ".repeat(5000), "Query is too large at offset 8192");
    check(&" ".repeat(70_000), "Query is too large at offset 65536");
}
