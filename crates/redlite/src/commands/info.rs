//! INFO: sections of facts about the server.

use super::connection::REDIS_VERSION;
use super::{Context, Outcome};
use crate::channels::Space;
use crate::failure::Failure;

/// A section's name as it is shown, and its lines.
type Section = (&'static str, fn(&Context<'_>) -> Result<Vec<String>, Failure>);

const SECTIONS: &[Section] = &[
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", |_| Ok(facts(&[("loading", "0"), ("rdb_bgsave_in_progress", "0"), ("aof_enabled", "0")]))),
    ("Stats", stats),
    ("Replication", |_| Ok(facts(&[("role", "master"), ("connected_slaves", "0"), ("master_repl_offset", "0")]))),
    ("CPU", |_| Ok(facts(&[("used_cpu_sys", "0.000000"), ("used_cpu_user", "0.000000")]))),
    ("Modules", |_| Ok(Vec::new())),
    ("Commandstats", |_| Ok(Vec::new())),
    ("Errorstats", |_| Ok(Vec::new())),
    ("Latencystats", |_| Ok(Vec::new())),
    ("Cluster", |_| Ok(facts(&[("cluster_enabled", "0")]))),
    ("Keyspace", keyspace),
];

/// Sections that come only by their names, or with `all` and `everything`.
const ON_REQUEST: [&str; 2] = ["Commandstats", "Latencystats"];

pub(super) fn info(context: &mut Context<'_>) -> Outcome {
    let is_named = |word: &str| (1..context.argv.len()).any(|at| context.arg(at).eq_ignore_ascii_case(word.as_bytes()));
    let has_all = is_named("all") || is_named("everything");
    let has_default = context.argv.len() == 1 || is_named("default");
    let mut blocks = Vec::new();
    for (name, tell) in SECTIONS {
        if has_all || (has_default && !ON_REQUEST.contains(name)) || is_named(name) {
            let lines = tell(context)?;
            blocks.push(format!("# {name}\r\n{}", lines.iter().map(|line| format!("{line}\r\n")).collect::<String>()));
        }
    }
    Ok(context.text(blocks.join("\r\n")))
}

fn facts(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("{name}:{value}")).collect()
}

fn server(context: &Context<'_>) -> Result<Vec<String>, Failure> {
    Ok(vec![
        format!("redis_version:{REDIS_VERSION}"),
        format!("redlite_version:{}", env!("CARGO_PKG_VERSION")),
        "redis_mode:standalone".to_owned(),
        format!("os:{}", std::env::consts::OS),
        format!("arch_bits:{}", usize::BITS),
        format!("process_id:{}", context.limits.process_id),
        format!("server_time_usec:{}", context.now_ms.saturating_mul(1000)),
    ])
}

/// Every connection but this one, and this one.
fn clients(context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let blocked = context.clients.iter().filter(|connection| connection.wait.is_some()).count();
    Ok(vec![
        format!("connected_clients:{}", context.clients.iter().count() + 1),
        format!("maxclients:{}", context.clients.config.get("maxclients")),
        format!("blocked_clients:{blocked}"),
        "tracking_clients:0".to_owned(),
    ])
}

fn memory(context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let config = &context.clients.config;
    let used = context.store.count_bytes()?;
    Ok(vec![
        format!("used_memory:{used}"),
        format!("used_memory_human:{:.2}M", used as f64 / f64::from(1 << 20)),
        format!("used_memory_peak:{used}"),
        format!("maxmemory:{}", config.get("maxmemory")),
        format!("maxmemory_policy:{}", config.get("maxmemory-policy")),
    ])
}

fn stats(context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let channels = &context.clients.channels;
    Ok(vec![
        format!("total_connections_received:{}", context.clients.last_id),
        format!("total_commands_processed:{}", context.clients.commands_run),
        format!("pubsub_channels:{}", channels.active(Space::Channels).count()),
        format!("pubsub_patterns:{}", channels.count_patterns()),
        format!("pubsubshard_channels:{}", channels.active(Space::ShardChannels).count()),
    ])
}

/// `db0:keys=3,expires=1,avg_ttl=1000`
fn keyspace(context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let databases = context.store.count_databases()?;
    let line =
        |[db, keys, expires, left_ms]: [i64; 4]| format!("db{db}:keys={keys},expires={expires},avg_ttl={left_ms}");
    Ok(databases.into_iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn the_keyspace_is_counted() {
        check(
            "> MSET a 1 b 2
             OK
             > PEXPIRE a 1000
             1
             > SELECT 3
             OK
             > RPUSH l a b
             2
             > INFO keyspace
             \"# Keyspace\\r\\ndb0:keys=2,expires=1,avg_ttl=1000\\r\\ndb3:keys=1,expires=0,avg_ttl=0\\r\\n\"
             > INFO nosuch
             \"\"
             > INFO cluster REPLICATION
             \"# Replication\\r\\nrole:master\\r\\nconnected_slaves:0\\r\\nmaster_repl_offset:0\\r\\n\\r\\n# Cluster\\r\\ncluster_enabled:0\\r\\n\"",
        );
    }
}
