//! Meanings that the registry's data cannot say, by name.

use super::machine::Machine;
use super::options::Parsed;

/// What a registry entry may name as its `handler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// echo, printf.
    Print,
    /// cat, tac, head, base64, tr, rev and other filters whose output can be computed.
    Filter,
    /// Programs that print names or figures, never what a file holds.
    NamesOnly,
    /// Programs that print a value that can be told: mktemp, pwd, dirname, basename, date, findmnt.
    Value,
    /// tee.
    Tee,
    /// rm, unlink, shred, srm.
    Remove,
    /// cp, install.
    Copy,
    /// mv.
    Move,
    /// ln.
    Link,
    /// dd.
    ConvertCopy,
    /// truncate, fallocate.
    Truncate,
    /// chmod.
    ChangeMode,
    /// chown, chgrp, chattr, setfacl.
    ChangeOwner,
    /// sed.
    Sed,
    /// awk.
    Awk,
    /// tar, cpio, zip.
    Archive,
    /// find, fd.
    Find,
    /// xargs, parallel.
    Xargs,
    /// sh, bash and their like.
    Shell,
    /// python, perl, ruby, node, php, lua.
    Interpreter,
    /// Interpreters of languages that are not folded: Tcl, R, Julia, Groovy, Erlang, PowerShell.
    Foreign,
    /// Editors that run commands of their own: vim, ed, emacs.
    Editor,
    /// crontab.
    Crontab,
    /// at, batch.
    At,
    /// kill.
    Kill,
    /// pkill, killall.
    KillByName,
    /// curl.
    Curl,
    /// wget.
    Wget,
    /// http, https, xh.
    Httpie,
    /// nc, ncat, telnet.
    Netcat,
    /// socat.
    Socat,
    /// scp, rsync, sftp, rclone: copies to other machines.
    RemoteCopy,
    /// ssh.
    Ssh,
    /// docker run and exec, podman.
    Docker,
    /// kubectl exec, run, debug, get secret.
    Kubectl,
    /// git.
    Git,
    /// psql, mysql, sqlite3 and their like.
    Sql,
    /// redis-cli, valkey-cli.
    Redis,
    /// mongosh, mongo.
    Mongo,
    /// watch, tmux, screen: joined words are shell code.
    Multiplexer,
    /// nmap, mail, dig and others that may carry text out.
    Sender,
    /// openssl.
    Openssl,
    /// make.
    Make,
    /// env, printenv.
    Environment,
    /// su, runuser.
    SwitchUser,
    /// Tools that print secrets: gpg, vault, the secret stores of clouds.
    SecretExport,
    /// ansible ad hoc commands.
    Ansible,
    /// salt remote execution.
    Salt,
    /// jq, yq.
    JsonQuery,
    /// Shells of routers: vtysh, birdc.
    Router,
}

/// Judges what a command does beyond its registry entry; what it prints.
pub(super) fn run(
    machine: &mut Machine,
    handler: Handler,
    name: &str,
    parsed: &Parsed,
    arguments: &[String],
    network: (bool, bool),
) -> String {
    match handler {
        Handler::Print => machine.print(name, arguments),
        Handler::Filter => machine.filter(name, parsed, arguments),
        Handler::NamesOnly => machine.names_only(name, arguments),
        Handler::Value => machine.value_of(name, parsed, arguments),
        Handler::Tee => machine.tee(parsed),
        Handler::Remove => machine.remove(name, parsed, arguments),
        Handler::Copy => machine.copy(name, parsed),
        Handler::Move => machine.move_files(parsed),
        Handler::Link => machine.link(parsed),
        Handler::ConvertCopy => machine.convert_copy(arguments),
        Handler::Truncate => machine.truncate(name, parsed),
        Handler::ChangeMode => machine.change_mode(parsed, arguments),
        Handler::ChangeOwner => machine.change_owner(name, parsed, arguments),
        Handler::Sed => machine.sed(parsed),
        Handler::Awk => machine.awk(parsed),
        Handler::Archive => machine.archive(name, parsed, arguments),
        Handler::Find => machine.find(name, arguments),
        Handler::Xargs => machine.xargs(name, arguments),
        Handler::Shell => machine.shell(name, arguments, network),
        Handler::Interpreter => machine.interpreter(name, arguments, network),
        Handler::Foreign => machine.foreign(name, arguments),
        Handler::Editor => machine.editor(name, arguments),
        Handler::Crontab => machine.crontab_command(parsed),
        Handler::At => machine.at(parsed),
        Handler::Kill => machine.kill(arguments),
        Handler::KillByName => machine.kill_by_name(name, parsed, arguments),
        Handler::Curl => machine.curl(parsed),
        Handler::Wget => machine.wget(parsed),
        Handler::Httpie => machine.httpie(name, parsed),
        Handler::Netcat => machine.netcat(name, parsed, arguments),
        Handler::Socat => machine.socat(arguments),
        Handler::RemoteCopy => machine.remote_copy(name, parsed),
        Handler::Ssh => machine.ssh(arguments),
        Handler::Docker => machine.docker(name, arguments),
        Handler::Kubectl => machine.kubectl(name, parsed, arguments),
        Handler::Git => machine.git(parsed, arguments),
        Handler::Sql => machine.sql_client(name, parsed, arguments),
        Handler::Redis => machine.redis(parsed),
        Handler::Mongo => machine.mongo(parsed),
        Handler::Multiplexer => machine.multiplexer(name, arguments),
        Handler::Sender => machine.sender(name, arguments),
        Handler::Openssl => machine.openssl(parsed, arguments),
        Handler::Make => machine.make(parsed, arguments),
        Handler::Environment => machine.print_environment(parsed, arguments),
        Handler::SwitchUser => machine.switch_user(parsed, arguments),
        Handler::SecretExport => machine.secret_export(name, arguments),
        Handler::Ansible => machine.ansible(parsed),
        Handler::Salt => machine.salt(parsed),
        Handler::Router => machine.router(parsed),
        Handler::JsonQuery => machine.json_query(parsed, arguments),
    }
}
