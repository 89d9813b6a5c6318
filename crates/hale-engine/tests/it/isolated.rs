//! An agent that may act must see nothing but what its test made: tests run again in a pid namespace
//! of their own, where the rest of the machine does not exist.

use std::os::unix::process::CommandExt;
use std::process::Command;

const INSIDE: &str = "HALE_TEST_INSIDE_NAMESPACE";

/// Secrets that an agent in there finds in its environment.
pub(crate) const BOT_TOKEN: (&str, &str) = ("HALE_TEST_BOT_TOKEN", "xoxb-1-token-of-a-test");
pub(crate) const SIGNING_SECRET: (&str, &str) =
    ("HALE_TEST_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5");

/// Runs `body` in a fresh pid namespace, by running this very test once more in there. Where the
/// machine allows no namespaces the test is skipped, and says so.
pub(crate) fn isolated(test: &str, body: impl Future<Output = ()>) {
    if std::env::var_os(INSIDE).is_some() {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(body);
        return;
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
        command
    };
    let allowed = unshare().arg("true").output().is_ok_and(|o| o.status.success());
    if !allowed {
        eprintln!("SKIPPED {test}: this machine allows no pid namespaces");
        return;
    }
    // A shell is pid 1 in there, so that what is orphaned is also reaped.
    let output = unshare()
        .args(["sh", "-c", "\"$0\" \"$@\" & wait $!"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .envs([BOT_TOKEN, SIGNING_SECRET])
        .process_group(0)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "the test did not run in there: {said}");
}
