# Findings (`exfilscan scan -f ndjson`) as rows of Microsoft Sentinel's table ASimNetworkSessionLogs (ASIM network session
# schema 0.2.6), for the Logs Ingestion API.   jq -sf asim.jq
# ICMP has no ports.
def port: if .server.transport == "icmp" then null else . end;
def seconds: (.[0:19] + "Z" | fromdateiso8601) + ("0" + .[19:29] | tonumber);
map(
  select(.type == "finding")
  | {
      TimeGenerated: .last,
      EventCount: 1,
      EventStartTime: .first,
      EventEndTime: .last,
      EventType: "NetworkSession",
      EventResult: "Success",
      EventVendor: "exfilscan",
      EventProduct: "exfilscan",
      EventSchema: "NetworkSession",
      EventSchemaVersion: "0.2.6",
      EventOriginalUid: .id,
      EventOriginalSeverity: .level,
      EventSeverity: ({low: "Low", medium: "Medium", high: "High", critical: "High"}[.level]),
      EventMessage: .title,
      Dvc: "exfilscan",
      DvcAction: "Allow",
      SrcIpAddr: .victim.addr,
      SrcMacAddr: .victim.mac,
      SrcPortNumber: (port | .victim.port?),
      SrcBytes: .bytes_out,
      DstIpAddr: .server.addrs[0],
      DstFQDN: .server.names[0],
      DstPortNumber: (port | .server.ports[0]?),
      DstBytes: .bytes_in,
      NetworkBytes: (.bytes_out + .bytes_in),
      NetworkDuration: (((.last | seconds) - (.first | seconds)) * 1000 | round),
      NetworkDirection: "Outbound",
      NetworkProtocol: (.server.transport // "" | ascii_upcase),
      NetworkApplicationProtocol: .server.app,
      RuleName: (.family.rule // .terms[0].signal),
      ThreatId: .id,
      ThreatName: (.family.name // .title),
      ThreatCategory: "Spyware",
      ThreatRiskLevel: ({low: 25, medium: 50, high: 75, critical: 100}[.level]),
      ThreatOriginalRiskLevel: (.score | tostring),
      ThreatField: "DstIpAddr",
      ThreatIpAddr: .server.addrs[0],
      ThreatFirstReportedTime: .first,
      ThreatLastReportedTime: .last,
      AdditionalFields: del(.type)
    }
  | with_entries(select(.value != null and .value != ""))
)
