//! The colours of everything that dst prints. The stream drops them where no terminal shows them.

use anstyle::{AnsiColor, Style};

/// What agrees.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What fails.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What needs a look.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What matters in a line.
pub const STRONG: Style = Style::new().bold();
/// What is there for completeness.
pub const FAINT: Style = Style::new().dimmed();
/// What can be pasted into a shell.
pub const PASTE: Style = AnsiColor::Cyan.on_default();

/// The colours of `--help`.
pub fn help() -> clap::builder::Styles {
    clap::builder::Styles::styled()
        .header(STRONG)
        .usage(STRONG)
        .literal(PASTE)
        .placeholder(FAINT)
        .error(BAD)
        .valid(GOOD)
        .invalid(WARN)
}
