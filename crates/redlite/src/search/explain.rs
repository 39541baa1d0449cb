//! FT.EXPLAIN: a plan as RediSearch prints it. Source: the documentation of FT.EXPLAIN.

use super::plan::{Kind, Plan, Term};
use super::query::{Place, Range, Tag};
use super::schema::{ALL_TEXT_FIELDS, Definition};

/// The plan over several lines; `NULL` for one that finds nothing.
pub(crate) fn explain(plan: Option<&Plan>, definition: &Definition) -> Vec<u8> {
    let mut printer = Printer { definition, out: Vec::new() };
    match plan {
        Some(plan) => printer.print(plan, 0),
        None => printer.out.extend_from_slice(b"NULL"),
    }
    printer.out
}

struct Printer<'a> {
    definition: &'a Definition,
    out: Vec<u8>,
}

impl Printer<'_> {
    fn print(&mut self, plan: &Plan, depth: usize) {
        self.indent(depth);
        if !matches!(plan.kind, Kind::Range(..)) {
            self.print_fields(plan);
        }
        match &plan.kind {
            Kind::All => self.line(&[b"<WILDCARD>"]),
            Kind::Term(term) => self.print_term(term),
            Kind::Affix(text, place) => self.print_affix(text, *place),
            Kind::Fuzzy(text, _) => self.line(&[b"FUZZY{", text, b"}"]),
            Kind::Phrase(terms) => {
                self.line(&[b"EXACT {"]);
                for text in terms {
                    self.indent(depth + 1);
                    self.print_fields(plan);
                    self.line(&[text]);
                }
                self.close(depth);
            }
            Kind::And(plans) => self.print_block(b"INTERSECT {", plans, depth),
            Kind::Or(plans) => self.print_block(b"UNION {", plans, depth),
            Kind::Not(inner) => self.print_block(b"NOT{", std::slice::from_ref(inner), depth),
            Kind::Optional(inner) => self.print_block(b"OPTIONAL{", std::slice::from_ref(inner), depth),
            Kind::Tags(at, tags) => {
                let name = self.attribute(*at);
                self.line(&[b"TAG:@", &name, b" {"]);
                for tag in tags {
                    self.indent(depth + 1);
                    match tag {
                        Tag::Whole(text) => self.line(&[text]),
                        Tag::Affix(text, place) => self.print_affix(text, *place),
                    }
                }
                self.close(depth);
            }
            Kind::Range(at, range) => self.print_range(*at, range),
        }
    }

    fn print_block(&mut self, head: &[u8], plans: &[Plan], depth: usize) {
        self.line(&[head]);
        plans.iter().for_each(|plan| self.print(plan, depth + 1));
        self.close(depth);
    }

    fn indent(&mut self, depth: usize) {
        self.out.resize(self.out.len() + 2 * depth, b' ');
    }

    fn line(&mut self, parts: &[&[u8]]) {
        self.out.extend(parts.concat());
        self.out.push(b'\n');
    }

    fn close(&mut self, depth: usize) {
        self.indent(depth);
        self.line(&[b"}"]);
    }

    fn attribute(&self, at: usize) -> Vec<u8> {
        self.definition.fields.get(at).map(|field| field.attribute.clone()).unwrap_or_default()
    }

    /// `@title|body:` where the words may not stand in every field.
    fn print_fields(&mut self, plan: &Plan) {
        if plan.fields == ALL_TEXT_FIELDS {
            return;
        }
        let fields = self.definition.text_fields().filter(|(bit, _)| plan.fields >> bit & 1 == 1);
        let names: Vec<&[u8]> = fields.map(|(_, field)| &field.attribute[..]).collect();
        let names = if names.is_empty() { b"NULL".to_vec() } else { names.join(&b'|') };
        self.out.extend([b"@", &names[..], b":"].concat());
    }

    fn print_term(&mut self, term: &Term) {
        let mark: &[u8] = if term.is_stem { b"+" } else { b"" };
        let note: &[u8] = if term.is_expanded { b"(expanded)" } else { b"" };
        self.line(&[mark, &term.text, note]);
    }

    fn print_affix(&mut self, text: &[u8], place: Place) {
        match place {
            Place::Start => self.line(&[b"PREFIX{", text, b"*}"]),
            Place::End => self.line(&[b"SUFFIX{*", text, b"}"]),
            Place::Anywhere => self.line(&[b"INFIX{*", text, b"*}"]),
        }
    }

    fn print_range(&mut self, at: usize, Range { low, high }: &Range) {
        let sign = |included: bool| if included { "<=" } else { "<" };
        let head = format!("NUMERIC {{{:.6} {} @", low.value, sign(low.included));
        let tail = format!(" {} {:.6}}}", sign(high.included), high.value);
        let name = self.attribute(at);
        self.line(&[head.as_bytes(), &name, tail.as_bytes()]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::super::query::{self, Dialect};
    use super::super::schema::{Field, FieldKind};
    use super::*;

    fn check(text: &str, expected: &str) {
        let field = |name: &str, kind: FieldKind| Field {
            identifier: name.into(),
            attribute: name.into(),
            kind,
            sortable: false,
            unnormalized: false,
            indexed: true,
        };
        let definition = Definition {
            prefixes: vec![Vec::new()],
            stop_words: None,
            fields: vec![
                field("t", FieldKind::Text { weight: 1.0, stems: true }),
                field("v", FieldKind::Text { weight: 1.0, stems: false }),
                field("tags", FieldKind::Tag { separator: b',', case_sensitive: false }),
                field("date", FieldKind::Numeric),
            ],
        };
        let query = query::parse(text.as_bytes(), Dialect::One, &|word| definition.is_stop_word(word)).expect(text);
        let plan = query.and_then(|query| plan::plan(&query, &definition, false));
        let got = explain(plan.as_ref(), &definition);
        assert_eq!(String::from_utf8_lossy(&got).replace("  ", "_").replace('\n', ";"), expected, "{text}");
    }

    #[test]
    fn plans_are_printed_as_redisearch_prints_them() {
        check(
            "@t:goodbye @date:[100 (200]|@date:[500 +inf]",
            "INTERSECT {;_@t:UNION {;__@t:goodbye;__@t:+goodby(expanded);__@t:goodby(expanded);_};_UNION {;\
             __NUMERIC {100.000000 <= @date < 200.000000};__NUMERIC {500.000000 <= @date <= inf};_};};",
        );
        check("@v:cats", "@v:cats;");
        check("@t:\"a cat sat\"", "@t:EXACT {;_@t:cat;_@t:sat;};");
        check("-%%foo%% ~foo*", "INTERSECT {;_NOT{;__FUZZY{foo};_};_OPTIONAL{;__PREFIX{foo*};_};};");
        check("@tags:{a b|c*}", "TAG:@tags {;_a b;_PREFIX{c*};};");
        check("@none:x*", "@NULL:PREFIX{x*};");
        check("@none:[1 2]", "NULL");
        check("@none:{x} y*", "PREFIX{y*};");
        check("*", "<WILDCARD>;");
    }
}
