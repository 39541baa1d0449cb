//! The scripts of `tools/`: they say what they do, and do nothing where they are asked for something else.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a script outside the repository.
fn run(script: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(script).args(arguments).current_dir("/").output().expect("the script runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

#[test]
fn every_script_says_what_it_does_and_refuses_what_it_does_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools");
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let scripts: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    assert!(scripts.len() >= 4, "{scripts:?}");
    for script in scripts {
        let name = format!("tools/{}", script.file_name().unwrap_or_default().to_string_lossy());
        for flag in ["--help", "-h"] {
            let (code, stdout, stderr) = run(&script, &[flag]);
            assert_eq!((code, stderr.as_str()), (Some(0), ""), "{name} {flag}");
            assert!(stdout.contains(&name) && !stdout.contains('#'), "{name} {flag}: {stdout}");
        }
        let (code, stdout, stderr) = run(&script, &["--quickly"]);
        let told = format!("{name}: there is no option --quickly: see {name} --help\n");
        assert_eq!((code, stdout.as_str(), stderr), (Some(2), "", told));
    }
}

#[test]
fn what_is_no_other_dst_is_refused_before_anything_is_built() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/bench");
    let check = |other: &[&str], told: &str| {
        let words = [&["--quick", "--beside"], other].concat();
        let told = format!("tools/bench: --beside {told}\n");
        assert_eq!(run(&script, &words), (Some(2), String::new(), told), "{words:?}");
    };
    check(&[], "takes the path of another dst: see tools/bench --help");
    check(&["/nowhere/dst"], "/nowhere/dst: there is no program of this name");
    check(&["/bin"], "/bin: there is no program of this name");
    check(&["/bin/sh"], "/bin/sh: this is no dst that runs here");
}
