//! Which systemd unit and which container own a process, told by `/proc/PID/cgroup`.

use crate::local::read::{lines, lossy};

const PATH_LIMIT_BYTES: usize = 1024;

/// What a cgroup path tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::local) struct Ownership {
    pub(in crate::local) path: Option<String>,
    pub(in crate::local) unit: Option<String>,
    pub(in crate::local) container: Option<String>,
}

/// The path of pid 1 without systemd's own leaf: inside a container whose cgroup namespace is the
/// host's, every path starts with it, and it says nothing about who owns what in here.
pub(in crate::local) fn root_prefix(cgroup_of_init: &[u8]) -> String {
    let path = chosen_path(cgroup_of_init).unwrap_or_default();
    let path = path.strip_suffix("/init.scope").unwrap_or(&path);
    path.trim_end_matches('/').to_owned()
}

/// Unit and container of a process.
pub(in crate::local) fn ownership(cgroup: &[u8], prefix: &str) -> Ownership {
    let Some(path) = chosen_path(cgroup) else { return Ownership::default() };
    let inner = path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let inner = inner.unwrap_or(&path);
    let container =
        inner.split('/').rev().find_map(container_id).or_else(|| named_container(inner));
    // A unit inside a container belongs to the container's systemd, not to this machine's; a unit
    // around one is the engine, and restarting that would hit every other container.
    let unit = if container.is_some() { None } else { unit(inner) };
    Ownership { path: Some(path), unit, container }
}

/// cgroup v2, else the hierarchy that systemd named, else (v1 without systemd) whichever says most.
fn chosen_path(cgroup: &[u8]) -> Option<String> {
    let mut unified = None;
    let mut named = None;
    let mut longest: Option<&[u8]> = None;
    for line in lines(cgroup) {
        let mut parts = line.splitn(3, |b| *b == b':');
        let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        match (id, controllers) {
            (b"0", b"") => unified = Some(path),
            (_, b"name=systemd") => named = Some(path),
            _ if longest.is_none_or(|l| path.len() > l.len()) => longest = Some(path),
            _ => {}
        }
    }
    let says_something = |path: &Option<&[u8]>| path.is_some_and(|p| p != b"/");
    let path = [unified, named, longest].into_iter().find(says_something).flatten();
    path.or(unified).or(named).or(longest).map(|p| lossy(p, PATH_LIMIT_BYTES))
}

/// The innermost service; none inside a scope, whose processes no service started.
fn unit(path: &str) -> Option<String> {
    for part in path.split('/').rev() {
        if part.ends_with(".scope") {
            return None;
        }
        // systemd puts `_` before names that the kernel would take for files of its own.
        let name = part.strip_prefix('_').unwrap_or(part);
        if name.ends_with(".service") && name.len() > ".service".len() {
            return Some(name.to_owned());
        }
    }
    None
}

/// The id in one part of a path, as docker, podman, containerd, cri-o and kubelet write it.
fn container_id(part: &str) -> Option<String> {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    // containerd below systemd: `slice:cri-containerd:ID`.
    let part = part.rsplit(':').next().unwrap_or(part);
    if part.starts_with("libpod-conmon-") || part.starts_with("crio-conmon-") {
        return None;
    }
    let id = part.rsplit('-').next().unwrap_or(part);
    let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// Containers that go by name: LXC and systemd-nspawn.
fn named_container(path: &str) -> Option<String> {
    let mut parts = path.split('/');
    while let Some(part) = parts.next() {
        let name = match part {
            "lxc" => parts.next(),
            _ => part
                .strip_prefix("lxc.payload.")
                .or_else(|| part.strip_prefix("machine-")?.strip_suffix(".scope")),
        };
        if let Some(name) = name.filter(|n| !n.is_empty()) {
            return Some(name.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn who_owns_what() {
        let id = |text: &str| text.replace("ID", ID);
        for (cgroup, unit, container) in [
            ("0::/", None, None),
            ("0::/init.scope", None, None),
            ("0::/system.slice/nginx.service", Some("nginx.service"), None),
            ("0::/system.slice/foo.service/payload", Some("foo.service"), None),
            (
                "0::/system.slice/system-getty.slice/getty@tty1.service",
                Some("getty@tty1.service"),
                None,
            ),
            ("0::/user.slice/user-1000.slice/session-3.scope", None, None),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
                Some("syncthing.service"),
                None,
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-code-77.scope",
                None,
                None,
            ),
            ("0::/system.slice/docker-ID.scope", None, Some("ID")),
            ("0::/system.slice/docker-ID.scope/system.slice/nginx.service", None, Some("ID")),
            ("12:memory:/docker/ID\n1:name=systemd:/docker/ID\n0::/", None, Some("ID")),
            ("0::/machine.slice/libpod-ID.scope/container", None, Some("ID")),
            ("0::/machine.slice/libpod-conmon-ID.scope", None, None),
            (
                "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-ID.scope",
                None,
                Some("ID"),
            ),
            ("0::/kubepods/besteffort/pod1-2-3/ID", None, Some("ID")),
            (
                "0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID",
                None,
                Some("ID"),
            ),
            ("0::/lxc.payload.web1/system.slice/cron.service", None, Some("web1")),
            ("4:cpu:/lxc/web2", None, Some("web2")),
            ("0::/machine.slice/machine-deb12.scope/init.scope", None, Some("deb12")),
            (
                "3:cpu,cpuacct:/\n1:name=systemd:/system.slice/cron.service",
                Some("cron.service"),
                None,
            ),
            ("nonsense", None, None),
            ("", None, None),
        ] {
            let owned = ownership(id(cgroup).as_bytes(), "");
            assert_eq!(owned.unit.as_deref(), unit, "{cgroup}");
            assert_eq!(owned.container, container.map(id), "{cgroup}");
        }
    }

    #[test]
    fn inside_a_container_with_the_hosts_cgroup_namespace() {
        let init = format!("0::/system.slice/docker-{ID}.scope/init.scope");
        let prefix = root_prefix(init.as_bytes());
        let service = format!("0::/system.slice/docker-{ID}.scope/system.slice/cron.service");
        let owned = ownership(service.as_bytes(), &prefix);
        assert_eq!((owned.unit.as_deref(), owned.container), (Some("cron.service"), None));
        assert_eq!(root_prefix(b"0::/init.scope"), "");
        assert_eq!(root_prefix(b"0::/"), "");
        // Another container's name that merely starts the same is not inside this one.
        let twin = format!("0::/docker/{ID}x/y");
        assert_eq!(ownership(twin.as_bytes(), &format!("/docker/{ID}")).container, None);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, prefix: String) {
            ownership(&bytes, &prefix);
            root_prefix(&bytes);
        }
    }
}
