# Findings (`exfilscan scan -f ndjson`) as events of Splunk's HTTP Event Collector, with the names of the Common
# Information Model (data models Intrusion Detection and Alerts).   jq -cf hec.jq
# ICMP has no ports.
def port: if .server.transport == "icmp" then null else . end;
select(.type == "finding")
| {
    # Seconds since 1970 of the last packet; digits below the millisecond are cut.
    time: ((.last[0:19] + "Z" | fromdateiso8601 | tostring) + .last[19:23]),
    source: "exfilscan",
    sourcetype: "exfilscan:finding",
    event: (
      {
        id: .id,
        app: "exfilscan",
        vendor_product: "exfilscan",
        type: "alert",
        ids_type: "network",
        action: "allowed",
        severity: .level,
        severity_id: ({low: 2, medium: 3, high: 4, critical: 5}[.level]),
        signature: (.family.rule // .terms[0].signal),
        signature_id: (.family.rule // .terms[0].signal),
        category: .kinds[0],
        subject: .title,
        description: (.terms[0].why // .title),
        src: .victim.addr,
        src_ip: .victim.addr,
        src_mac: .victim.mac,
        src_port: (port | .victim.port?),
        user: (.victim.users // [] | first),
        dest: (.server.names[0] // .server.addrs[0]),
        dest_ip: .server.addrs[0],
        dest_host: .server.names[0],
        dest_port: (port | .server.ports[0]?),
        transport: .server.transport,
        bytes_out: .bytes_out,
        bytes_in: .bytes_in,
        mitre_technique_id: (.attack // [] | map(.id)),
        malware: .family.name,
        finding: del(.type)
      }
      | with_entries(select(.value != null))
    )
  }
