//! Says of each FTP data connection which control connection announced it.

use crate::detect::Survey;
use crate::record::{Flow, FlowId, Flows};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A control connection: the order of its record, and its end.
type Control = ((Timestamp, u32, u64, FlowId), Timestamp);

/// Control connections between two hosts, and data connections, as they come.
#[derive(Debug, Default)]
pub struct Links {
    controls: BTreeMap<(IpAddr, IpAddr), Vec<Control>>,
    data: Vec<usize>,
}

impl Links {
    /// Takes note of a flow that will have this index.
    pub fn note(&mut self, index: usize, flow: &Flow) {
        if flow.ftp.is_some() {
            let open = self.controls.entry((flow.client.addr, flow.server.addr)).or_default();
            open.push((flow.order(), flow.end));
        }
        if flow.app() == "ftp-data" {
            self.data.push(index);
        }
    }

    /// Sets `parent` of data connections: the control connection of the same client and server that was open when it
    /// began, the latest if there are several.
    pub fn settle(mut self, flows: &mut Flows, mut survey: Option<&mut Survey>) {
        self.controls.values_mut().for_each(|open| open.sort_unstable());
        for index in self.data {
            flows.change(index, |flow| {
                let Some(open) = self.controls.get(&(flow.client.addr, flow.server.addr)) else { return };
                let begun = open.partition_point(|((start, ..), _)| *start <= flow.start);
                let parent = open[..begun].iter().rev().find(|(_, end)| *end >= flow.start);
                flow.parent = parent.map(|((.., id), _)| *id);
                if let Some(survey) = &mut survey {
                    survey.again(index, flow);
                }
            });
        }
    }
}
