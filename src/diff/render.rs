//! Shows a divergence to people.

use super::{Divergence, Excerpt};

/// The divergence as a diff of the two streams of replies: `-` is what the reference answered, `+` what the
/// subject did. With `colors` it holds ANSI codes.
pub fn render(_excerpt: &Excerpt, _divergence: &Divergence, _colors: bool) -> String {
    todo!()
}
