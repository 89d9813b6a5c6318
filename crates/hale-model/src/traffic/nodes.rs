//! The names in the service map, each once: services that send, and what they call that sends
//! nothing itself. An address stands for the service that answers there, once that is seen.

use std::collections::HashMap;

use super::{NAME_BYTES_MAX, NodeKind, OTHER, SERVICES_MAX};
use crate::text::{printable, shorten};

/// Names of all kinds; further ones are [`OTHER`].
const NODES_MAX: usize = 4 * SERVICES_MAX;

/// The node that stands for what is beyond the limits.
const OTHER_NODE: u32 = 0;

#[derive(Debug)]
struct Node {
    name: String,
    kind: NodeKind,
    /// The service that answers at this address.
    alias: Option<u32>,
    /// More than one service answers here (a gateway): it stands for none of them.
    shared: bool,
}

#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    services: usize,
    by_name: HashMap<String, u32>,
    by_address: HashMap<String, u32>,
}

impl Default for Nodes {
    fn default() -> Self {
        let mut nodes = Nodes {
            nodes: Vec::new(),
            services: 0,
            by_name: HashMap::new(),
            by_address: HashMap::new(),
        };
        let other = nodes.add(OTHER, NodeKind::External);
        nodes.by_name.insert(OTHER.to_owned(), other);
        nodes
    }
}

impl Nodes {
    fn add(&mut self, name: &str, kind: NodeKind) -> u32 {
        let name = shorten(&printable(name), NAME_BYTES_MAX);
        self.nodes.push(Node { name, kind, alias: None, shared: false });
        u32::try_from(self.nodes.len() - 1).unwrap_or(OTHER_NODE)
    }

    /// A service that sends, and whether it found room under its own name.
    pub(super) fn service(&mut self, name: &str) -> (u32, bool) {
        if let Some(at) = self.by_name.get(name).copied() {
            if let Some(node) = self.nodes.get_mut(at as usize)
                && node.kind != NodeKind::Service
                && at != OTHER_NODE
            {
                // Called under this name before it was heard of.
                node.kind = NodeKind::Service;
                self.services += 1;
            }
            return (at, at != OTHER_NODE);
        }
        if self.services >= SERVICES_MAX || self.nodes.len() >= NODES_MAX {
            return (OTHER_NODE, false);
        }
        let at = self.add(name, NodeKind::Service);
        self.services += 1;
        self.by_name.insert(name.to_owned(), at);
        (at, true)
    }

    /// What is called under this name.
    pub(super) fn named(&mut self, name: &str, kind: NodeKind) -> u32 {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        if self.nodes.len() >= NODES_MAX {
            return OTHER_NODE;
        }
        let at = self.add(name, kind);
        self.by_name.insert(name.to_owned(), at);
        at
    }

    /// What is called at this address.
    pub(super) fn at_address(&mut self, address: &str) -> u32 {
        if let Some(at) = self.by_address.get(address) {
            return self.stands_for(*at);
        }
        if self.nodes.len() >= NODES_MAX {
            return OTHER_NODE;
        }
        let at = self.add(address, NodeKind::External);
        self.by_address.insert(address.to_owned(), at);
        at
    }

    /// Learns which service answers a call to this node, if the node is an address.
    pub(super) fn answers(&mut self, node: u32, service: u32) {
        if let Some(known) = self.nodes.get_mut(node as usize)
            && node != OTHER_NODE
            && node != service
            && known.kind == NodeKind::External
            && !known.shared
        {
            match known.alias {
                None => known.alias = Some(service),
                Some(alias) if alias == service => {}
                Some(_) => (known.alias, known.shared) = (None, true),
            }
        }
    }

    /// The service behind an address, or the node itself.
    pub(super) fn stands_for(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).and_then(|n| n.alias).unwrap_or(node)
    }

    /// Whether several services answer at this address.
    pub(super) fn is_shared(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|n| n.shared)
    }

    pub(super) fn name(&self, node: u32) -> &str {
        self.nodes.get(node as usize).map_or(OTHER, |n| n.name.as_str())
    }

    pub(super) fn kind(&self, node: u32) -> NodeKind {
        self.nodes.get(node as usize).map_or(NodeKind::External, |n| n.kind)
    }

    /// Whether a new name would no longer find room.
    pub(super) fn is_full(&self) -> bool {
        self.services >= SERVICES_MAX || self.nodes.len() >= NODES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_for_the_one_service_that_answers_there() {
        let mut nodes = Nodes::default();
        let (quotes, _) = nodes.service("quotes");
        let (shop, _) = nodes.service("shop");
        let address = nodes.at_address("localhost:8081");
        nodes.answers(address, quotes);
        assert_eq!(nodes.at_address("localhost:8081"), quotes);
        nodes.answers(address, shop);
        assert_eq!(nodes.at_address("localhost:8081"), address, "a gateway");
        assert!(nodes.is_shared(address));
    }

    #[test]
    fn names_beyond_the_limit_are_other() {
        let mut nodes = Nodes::default();
        for n in 0..SERVICES_MAX {
            assert!(nodes.service(&format!("s{n}")).1);
        }
        assert_eq!(nodes.service("one more"), (OTHER_NODE, false));
        assert!(nodes.service("s5").1, "known ones keep their names");
        for n in 0..2 * NODES_MAX {
            nodes.at_address(&format!("10.0.0.1:{n}"));
        }
        assert_eq!(nodes.nodes.len(), NODES_MAX);
        assert!(nodes.is_full());
    }
}
