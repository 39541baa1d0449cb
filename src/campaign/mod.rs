//! What runs traces: one file a campaign, and the run of one trace on two targets that they share.

pub mod differential;
