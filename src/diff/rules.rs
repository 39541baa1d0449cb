//! Which replies are the same.

/// How errors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorMode {
    /// Their whole text.
    #[default]
    Text,
    /// Their first word, for servers that do not aim at Redis's texts.
    Code,
}

/// How far apart the clocks of both sides may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockSkew {
    /// dst moves both clocks: times are exact.
    #[default]
    None,
    /// At least one is a real clock.
    Real {
        /// The subject's clock minus the reference's, in milliseconds.
        ahead_ms: i64,
        /// How much more a time may differ, in milliseconds.
        tolerance_ms: u64,
    },
}

/// What counts as the same reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How errors are compared.
    pub errors: ErrorMode,
    /// How times are compared.
    pub clock: ClockSkew,
}
