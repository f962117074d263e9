//! Says of each FTP data connection which control connection announced it.

use crate::record::{Flow, FlowId};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Control connections between two hosts, by start: start, end, id.
type Controls = BTreeMap<(IpAddr, IpAddr), Vec<(Timestamp, Timestamp, FlowId)>>;

/// Sets `parent` of data connections: the control connection of the same client and server that was open when it
/// began, the latest if there are several. `flows` are in order of their start.
pub fn data_to_control(flows: &mut [Flow]) {
    let mut controls = Controls::new();
    for flow in flows.iter().filter(|flow| flow.ftp.is_some()) {
        let open = controls.entry((flow.client.addr, flow.server.addr)).or_default();
        open.push((flow.start, flow.end, flow.id));
    }
    if controls.is_empty() {
        return;
    }
    for flow in flows.iter_mut().filter(|flow| flow.app() == "ftp-data") {
        let Some(open) = controls.get(&(flow.client.addr, flow.server.addr)) else { continue };
        let begun = open.partition_point(|(start, ..)| *start <= flow.start);
        flow.parent = open[..begun].iter().rev().find(|(_, end, _)| *end >= flow.start).map(|(.., id)| *id);
    }
}
