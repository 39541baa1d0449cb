use std::io::Write;
use std::path::Path;

use crate::seed::Seed;

use super::{CorpusError, create_parent, io_error, read_if_there};

/// One line of the seed bank: `SEED GROUP DESCRIPTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedEntry {
    /// The seed.
    pub seed: Seed,
    /// The generator's group, as written; whether it exists is for the caller to check.
    pub group: String,
    /// Why the seed is kept.
    pub description: String,
}

/// The seeds of `corpus/seeds.txt`, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedBank {
    /// One entry a line.
    pub entries: Vec<SeedEntry>,
}

impl SeedBank {
    /// Reads the bank. No file: an empty bank.
    ///
    /// # Errors
    /// [`CorpusError::Io`], and [`CorpusError::Syntax`] with the line.
    pub fn load(path: &Path) -> Result<Self, CorpusError> {
        match read_if_there(path)? {
            Some(text) => Self::parse(&path.display().to_string(), &text),
            None => Ok(Self::default()),
        }
    }

    fn parse(path: &str, text: &str) -> Result<Self, CorpusError> {
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = parse_entry(line);
            entries.push(entry.map_err(|what| CorpusError::Syntax { path: path.into(), line: at + 1, what })?);
        }
        Ok(Self { entries })
    }

    /// Appends an entry to the file and keeps every line of it; false where seed and group are already there.
    ///
    /// # Errors
    /// As [`SeedBank::load`]; [`CorpusError::Syntax`] where the entry cannot be one line.
    pub fn add(&mut self, path: &Path, entry: SeedEntry) -> Result<bool, CorpusError> {
        if self.entries.iter().any(|known| known.seed == entry.seed && known.group == entry.group) {
            return Ok(false);
        }
        let line = format!("{} {} {}", entry.seed, entry.group, entry.description);
        if line.lines().count() != 1 || parse_entry(&line).as_ref() != Ok(&entry) {
            let what = "a group is one word, and a description is one line of text".into();
            return Err(CorpusError::Syntax { path: path.display().to_string(), line: self.entries.len() + 1, what });
        }
        let text = read_if_there(path)?.unwrap_or_default();
        let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        create_parent(path)?;
        let mut file = std::fs::File::options().append(true).create(true).open(path).map_err(io_error(path))?;
        file.write_all(format!("{separator}{line}\n").as_bytes()).map_err(io_error(path))?;
        self.entries.push(entry);
        Ok(true)
    }
}

fn parse_entry(line: &str) -> Result<SeedEntry, String> {
    const FORM: &str = "a line is SEED GROUP DESCRIPTION";
    let mut words = line.splitn(3, char::is_whitespace);
    let mut word = |name: &str| {
        let word = words.next().map(str::trim).filter(|word| !word.is_empty());
        word.ok_or_else(|| format!("the {name} is missing; {FORM}"))
    };
    let (seed, group, description) = (word("seed")?, word("group")?, word("description")?);
    let seed = seed.parse().map_err(|_| format!("\"{seed}\" is no seed, which is a number or 0x and hex; {FORM}"))?;
    Ok(SeedEntry { seed, group: group.into(), description: description.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match SeedBank::parse("seeds.txt", text) {
            Ok(bank) => bank
                .entries
                .iter()
                .map(|entry| format!("{}|{}|{}", entry.seed, entry.group, entry.description))
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{text}\ngave {found}");
    }

    #[test]
    fn lines_and_comments() {
        check("", "");
        check("# nothing\n\n", "");
        check(
            "5 lists LRANGE with a negative end\n# more\n 0x10 mixed x",
            "5|lists|LRANGE with a negative end\n16|mixed|x",
        );
    }

    #[test]
    fn errors_name_the_line() {
        check("# c\nx lists y", "seeds.txt:2: \"x\" is no seed");
        check("5", "seeds.txt:1: the group is missing");
        check("5 lists", "seeds.txt:1: the description is missing");
        check("-1 lists y", "seeds.txt:1: \"-1\" is no seed");
    }

    #[test]
    fn adding_keeps_the_file_as_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("corpus/seeds.txt");
        let entry = |seed, description: &str| SeedEntry {
            seed: Seed(seed),
            group: "lists".into(),
            description: description.into(),
        };
        let mut bank = SeedBank::load(&path).expect("no file is an empty bank");
        assert!(bank.add(&path, entry(1, "first")).expect("it is written"));
        std::fs::write(&path, "# head\n1 lists first").expect("it is written");
        assert!(bank.add(&path, entry(2, "second")).expect("it is written"));
        assert!(!bank.add(&path, entry(2, "again")).expect("it is there"));
        assert!(bank.add(&path, entry(3, "two\nlines")).is_err());
        assert!(bank.add(&path, entry(3, "")).is_err());
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert_eq!(text, "# head\n1 lists first\n2 lists second\n");
        assert_eq!(SeedBank::load(&path).expect("it parses"), bank);
    }

    #[test]
    fn the_file_that_ships_parses() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/seeds.txt");
        assert!(path.exists(), "{}", path.display());
        SeedBank::load(&path).expect("it parses");
    }
}
