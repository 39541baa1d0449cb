//! Streams as transcripts. Every reply is that of redis-server 7.0.15.
