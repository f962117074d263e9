//! Names of ATT&CK techniques (Enterprise v18.1).

use super::finding::Technique;

/// Technique ids and names as MITRE gives them, by id.
const TECHNIQUES: [(&str, &str); 69] = [
    ("T1001", "Data Obfuscation"),
    ("T1001.003", "Protocol or Service Impersonation"),
    ("T1005", "Data from Local System"),
    ("T1008", "Fallback Channels"),
    ("T1016", "System Network Configuration Discovery"),
    ("T1016.001", "Internet Connection Discovery"),
    ("T1020", "Automated Exfiltration"),
    ("T1027", "Obfuscated Files or Information"),
    ("T1029", "Scheduled Transfer"),
    ("T1030", "Data Transfer Size Limits"),
    ("T1033", "System Owner/User Discovery"),
    ("T1036", "Masquerading"),
    ("T1041", "Exfiltration Over C2 Channel"),
    ("T1048", "Exfiltration Over Alternative Protocol"),
    ("T1048.001", "Exfiltration Over Symmetric Encrypted Non-C2 Protocol"),
    ("T1048.002", "Exfiltration Over Asymmetric Encrypted Non-C2 Protocol"),
    ("T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol"),
    ("T1056.001", "Keylogging"),
    ("T1057", "Process Discovery"),
    ("T1071", "Application Layer Protocol"),
    ("T1071.001", "Web Protocols"),
    ("T1071.002", "File Transfer Protocols"),
    ("T1071.003", "Mail Protocols"),
    ("T1071.004", "DNS"),
    ("T1071.005", "Publish/Subscribe Protocols"),
    ("T1074", "Data Staged"),
    ("T1082", "System Information Discovery"),
    ("T1090", "Proxy"),
    ("T1090.003", "Multi-hop Proxy"),
    ("T1090.004", "Domain Fronting"),
    ("T1095", "Non-Application Layer Protocol"),
    ("T1102", "Web Service"),
    ("T1102.001", "Dead Drop Resolver"),
    ("T1102.002", "Bidirectional Communication"),
    ("T1102.003", "One-Way Communication"),
    ("T1104", "Multi-Stage Channels"),
    ("T1105", "Ingress Tool Transfer"),
    ("T1113", "Screen Capture"),
    ("T1114", "Email Collection"),
    ("T1115", "Clipboard Data"),
    ("T1119", "Automated Collection"),
    ("T1132", "Data Encoding"),
    ("T1132.001", "Standard Encoding"),
    ("T1132.002", "Non-Standard Encoding"),
    ("T1185", "Browser Session Hijacking"),
    ("T1217", "Browser Information Discovery"),
    ("T1219", "Remote Access Tools"),
    ("T1219.002", "Remote Desktop Software"),
    ("T1518", "Software Discovery"),
    ("T1518.001", "Security Software Discovery"),
    ("T1528", "Steal Application Access Token"),
    ("T1539", "Steal Web Session Cookie"),
    ("T1552.001", "Credentials In Files"),
    ("T1555", "Credentials from Password Stores"),
    ("T1555.003", "Credentials from Web Browsers"),
    ("T1560", "Archive Collected Data"),
    ("T1567", "Exfiltration Over Web Service"),
    ("T1567.001", "Exfiltration to Code Repository"),
    ("T1567.002", "Exfiltration to Cloud Storage"),
    ("T1567.003", "Exfiltration to Text Storage Sites"),
    ("T1567.004", "Exfiltration Over Webhook"),
    ("T1568", "Dynamic Resolution"),
    ("T1568.002", "Domain Generation Algorithms"),
    ("T1571", "Non-Standard Port"),
    ("T1572", "Protocol Tunneling"),
    ("T1573", "Encrypted Channel"),
    ("T1573.001", "Symmetric Cryptography"),
    ("T1573.002", "Asymmetric Cryptography"),
    ("T1614", "System Location Discovery"),
];

/// The name of a technique that the rules use.
pub fn name(id: &str) -> Option<&'static str> {
    let at = TECHNIQUES.binary_search_by(|(own, _)| (*own).cmp(id)).ok()?;
    TECHNIQUES.get(at).map(|(_, name)| *name)
}

/// A technique with its name; the id as its name where a rule of one's own names another.
pub fn technique(id: &str) -> Technique {
    Technique { id: id.to_owned(), name: name(id).unwrap_or(id).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_found() {
        assert!(TECHNIQUES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(name("T1041"), Some("Exfiltration Over C2 Channel"));
        assert_eq!(name("T9999"), None);
    }
}
