//! Remote access tools and frameworks.

use super::build::*;
use crate::record::{Body, Shape};

#[test]
fn njrat() {
    let hello = b"147\0ll|'|'|RVhBTVBMRV8wQTFCMkMzRA==|'|'|EXAMPLE-PC|'|'";
    let turns: Vec<(char, i64, u64)> = (0..9).map(|n| ('c', n * 7, if n == 0 { 150 } else { 2 })).collect();
    names(vec![raw("203.0.113.70:5552", 1, (hello, b"0\0"), &turns)], "njrat-hello");
    let custom = b"95\0llY262SUCZ4UJJRVhBTVBMRV8wQTFCMkMzRA==Y262SUCZ4UJJ";
    names(vec![raw("203.0.113.70:5552", 1, (custom, b""), &[('c', 0, 98)])], "njrat-counted");
    silent(vec![raw("203.0.113.70:5552", 1, (custom, b""), &[('c', 0, 60)])]);
    names(vec![raw("203.0.113.70:5552", 1, (b"ll|'N'|RVhBTVBMRQ==|'N'|", b""), &[])], "njrat-separator");
    silent(vec![raw("203.0.113.70:5552", 1, (b"147\0hello world and more", b"0\0"), &turns)]);
}

#[test]
fn certificates_of_builders() {
    let own = |name: &'static str| vec![tls("203.0.113.71:6606", 1, None, Some((name, name)))];
    names(own("CN=AsyncRAT Server"), "asyncrat-certificate");
    names(own("CN=DcRat Server,OU=qwqdanchun,O=DcRat By qwqdanchun,L=SH,C=CN"), "dcrat-certificate");
    names(own("CN=VenomRAT Server,O=VenomRAT by qwqdanchun"), "venomrat-certificate");
    names(own("CN=Other,OU=qwqdanchun"), "qwqdanchun-certificate");
    silent(own("CN=NAS Server"));
}

#[test]
fn other_certificates() {
    let own = |name: &'static str| vec![tls("203.0.113.71:4782", 1, None, Some((name, name)))];
    names(own("CN=Quasar Server CA"), "quasar-certificate");
    names(own("CN=SXN Server CA"), "sxn-certificate");
    names(own("CN=Example Server CA"), "server-ca-certificate");
    names(own("CN=OrcusServerCertificate"), "orcus-certificate");
    names(own("CN=BitRAT"), "bitrat-certificate");
    names(own("CN=x,O=assylias.Inc"), "adwind-certificate");
    names(own("CN=P18055077,OU=Jethpro,O=Pajfds,L=Minnetonka,ST=Minnesota,C=US"), "poshc2-certificate");
    names(own("CN=Major Cobalt Strike,OU=AdvancedPenTesting,O=cobaltstrike"), "cobaltstrike-certificate");
    names(
        own("CN=example.com,OU=IT Department,O=Global Security,L=London,ST=London,C=GB"),
        "trickbot-certificate",
    );
    names(own("CN=winterla-ndtus.menu,O=Halmo Ioter S.n.c.,L=Muscat,C=OM"), "dridex-certificate");
    silent(own("CN=mail.builders.example,O=Builders S.n.c.,L=Rome,C=IT"));
    silent(own("CN=mail.builders.example,O=Builders,L=Muscat,C=OM"));
    names(own("CN=rvgvtfdf,OU=rst,O=tg4r6tds,L=gf23et65adt,ST=f2tee4,C=AU"), "trickbot-gibberish");
    names(
        own(
            "emailAddress=quick@harbour.sons.example,CN=harbour.sons.example,OU=quick,O=Harbour and Sons,ST=MA,C=US",
        ),
        "metasploit-certificate",
    );
    let endless = |name: &str, port: u16| {
        let mut flow = tls(&format!("203.0.113.71:{port}"), 1, None, Some((name, name)));
        let certificate = std::sync::Arc::make_mut(&mut flow.tls.as_mut().expect("tls").certificates[0]);
        certificate.not_after = crate::time::Timestamp(i64::MAX);
        vec![flow]
    };
    names(endless("CN=Quiet", 7007), "endless-certificate");
    silent(endless("CN=Quiet", 443));
    silent(own("CN=Quiet"));
    let pair = |port: u16| vec![tls(&format!("203.0.113.71:{port}"), 1, None, Some(("CN=a", "CN=a")))];
    names(pair(449), "trickbot-ports");
    silent(pair(8443));
    let place = http("198.51.100.9:80", 3, [request("GET /json.gp", "Host: geoplugin.net")]);
    let mut hello = tls("203.0.113.71:2404", 1, None, None);
    hello.tls.as_mut().expect("tls").version = "TLS1.3".into();
    names(vec![hello.clone(), place], "remcos-tls");
    silent(vec![hello]);
}

/// `names` for a first message of the client and one of the server.
#[track_caller]
fn says(client: &[u8], server: &[u8], turns: &[(char, i64, u64)], rule: &str) {
    names(vec![raw("203.0.113.70:5552", 1, (client, server), turns)], rule);
}

#[test]
fn protocols_of_their_own() {
    let mut netwire = vec![0x41, 0, 0, 0, 0x99];
    netwire.extend([7; 43]);
    says(&netwire, b"", &[('c', 0, 69)], "netwire-hello");
    silent(vec![raw("203.0.113.70:3360", 1, (&netwire, b""), &[('c', 0, 400)])]);
    let magic = [0x17, 0x69, 0x89, 0x31];
    says(
        &[magic, [5, 6, 7, 8]].concat(),
        &[magic, [1, 2, 3, 4]].concat(),
        &[('s', 0, 12), ('c', 0, 230)],
        "warzone-hello",
    );
    silent(vec![raw(
        "203.0.113.70:5200",
        1,
        (&[magic, [5, 6, 7, 8]].concat(), &[magic, [1, 2, 3, 4]].concat()),
        &[('c', 0, 230), ('s', 0, 12)],
    )]);
    says(&[1], &[0x09, 0x12, 0x3b, 0x42, 0x2d], &[('s', 0, 40), ('c', 0, 9)], "warzone-key");
    says(&[0x24, 0x04, 0xff, 0, 0x0c, 0, 0, 0, 1, 0, 0, 0], b"", &[('c', 0, 20)], "remcos-header");
    silent(vec![raw("203.0.113.70:2404", 1, (&[0x24, 0x04, 0xff, 0, 0xcc, 1, 0, 0], b""), &[('c', 0, 20)])]);
    says(b"[DataStart]x\0\0\0Kname|cmd|", b"", &[], "remcos-clear");

    let mut nanocore = vec![0x38, 0, 0, 0];
    nanocore.extend([9; 44]);
    let beats: Vec<(char, i64, u64)> = (0..8).map(|n| ('c', n * 5, if n == 0 { 60 } else { 12 })).collect();
    says(&nanocore, b"", &beats, "nanocore-frames");
    silent(vec![raw("203.0.113.70:5656", 1, (&nanocore, b""), &[('c', 0, 90)])]);
    let mut hello = raw("203.0.113.70:5656", 1, (&nanocore, b""), &[('c', 0, 60)]);
    let sent = Body { entropy: Some(5.6), ..bytes(60, Shape::Binary, &nanocore[..32]) };
    hello.other.as_mut().expect("other").to_server = Some(Box::new(sent));
    names(vec![hello], "nanocore-hello");
    says(
        &[0x40, 0, 0, 0, 0x2b, 0, 0, 0, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0, 0x33],
        b"",
        &[('c', 0, 68)],
        "zgrat-frames",
    );
    says(&[4, 0, 0, 0, 0x16, 3, 1], b"", &[], "purehvnc-hello");
    says(b"144\r\n\r\nping|STRRAT|0A1B2C3D|PC|erika|Windows", b"", &[], "strrat-ping");
    says(
        b"40\r\n\r\nping|OTHER|0A1B2C3D|PC|erika|Windows 10|64-bit",
        b"",
        &[('c', 0, 46)],
        "strrat-like-ping",
    );

    let gh0st = |word: &[u8], total: u32| {
        let mut first = word.to_vec();
        first.extend(total.to_le_bytes());
        first.extend(400_u32.to_le_bytes());
        first.extend([0x78, 0x9c, 1, 2, 3]);
        raw("203.0.113.70:8000", 1, (&first, b""), &[('c', 0, 120)])
    };
    names(vec![gh0st(b"Gh0st", 120)], "gh0st-hello");
    names(vec![gh0st(b"aaaaabbbbb", 120)], "gh0st-hello");
    silent(vec![gh0st(b"Gh0st", 121)]);
    says(b"+\0\0\0{\"Type\":\"EncryptionStatus\",\"Status\":\"Off\"}", b"", &[], "sectop-json");
    let get = request("GET /wbinjget?q=0123456789ABCDEF0123456789ABCDEF", "Host: a.example:9000");
    names(vec![http("203.0.113.70:9000", 1, [get])], "sectop-wbinjget");
    says(b"x", b"\x0c\0\0\0\0info=command", &[], "crimson-frames");
    says(&[6, 0, 0, 0, 0x81, 0x13, 0x14, 0x6e], b"", &[], "imminent-hello");
    says(b"InformationRevenge-RATRVhBTVBMRV8wQTFCMkMzRA==*-]NK[-*", b"", &[], "revenge-hello");
    silent(vec![raw("203.0.113.70:333", 1, (b"Information about the weather in the mountains", b""), &[])]);
    says(b"ABCDEF0123456789AB", b"BF7CAB464EFB", &[('s', 0, 12), ('c', 0, 900)], "darkcomet-hello");
    says(b"KEEPALIVE|3", b"", &[], "darkcomet-clear");
    says(b"con|1601670957699|281|MTE0NGRlZjhiNzc4", b"", &[], "bitrat-hello");
    says(b"amsBAGLANTI?", b"", &[], "turkojan-words");
    says(b"ANABILGI|556\r\n", b"", &[], "cybereye-words");
    says(b"LOGIN.TestUser password\r\n<|ARQUIVO", b"", &[], "allakore-words");
    says(b"\0\0", b"shell\0\0\0\0\0\0\0\0\0\0", &[('c', 0, 788)], "pingback-verbs");
    says(&[0xac, 0xed, 0, 5, 0x73], &[0xac, 0xed, 0, 5], &[], "adwind-java");
    says(&[0, 0xff, 0x4b, 0, 0, 0, 1, 2], b"", &[('c', 0, 81)], "ramnit-frames");
    silent(vec![raw("203.0.113.70:443", 1, (&[0, 0xff, 0x4b, 0, 0, 0, 1, 2], b""), &[('c', 0, 20)])]);
    says(&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x74], b"", &[('c', 0, 44)], "bunitu-hello");
    let knock = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x74];
    let knocked = raw("203.0.113.70:443", 1, (&knock, b""), &[('c', 0, 44)]);
    // The server turns out to be one of TLS: it was asked to see whether the way out is open.
    let mut alert = raw("203.0.113.70:443", 9, (&knock, b""), &[('c', 0, 44), ('s', 90, 7)]);
    alert.tls = Some(Box::default());
    silent(vec![knocked, alert]);
    let mut stolen = vec![b'='];
    stolen.extend([9; 35]);
    stolen.extend(b"8\x85\0\0\0id=560135");
    says(&stolen, &[0x2d, 0], &[], "flawedammyy-hello");
    says(&[1, 2, 3, 4, 0x28, 0x94, 0x8d, 0xab, 0xc9, 0xc0, 0xd1, 0x99], b"", &[], "zeroaccess-peers");
    says(b"", &[0x2f, 0x26, 0x12, 0, 0x4d, 0x5a, 0x90], &[('s', 0, 1_189_423)], "meterpreter-stage");
    silent(vec![raw(
        "203.0.113.70:4444",
        1,
        (b"get", &[0x2f, 0x26, 0x12, 0, 0x4d, 0x5a, 0x90]),
        &[('c', 0, 3), ('s', 0, 1_189_423)],
    )]);
    let mut xworm = b"304\0".to_vec();
    xworm.extend([0xc3; 40]);
    says(&xworm, b"", &[('c', 0, 308)], "xworm-frames");
    silent(vec![raw("203.0.113.70:7000", 1, (&xworm, b""), &[('c', 0, 200)])]);
    says(&[0x24, 1, 0, 0, 0, 0, 0, 0, 0xe5, 0x7c, 0, 0, 0, 0, 0, 0], b"", &[('c', 0, 24)], "danabot-hello");
}

#[test]
fn frameworks_over_http() {
    let one = |exchange| vec![http("203.0.113.80:80", 1, [exchange])];
    // The characters of aaLN sum to 0x15c, 92 modulo 256; of aaLO to 93, of aaLP to 94.
    let stager = |path: &str| {
        request(&format!("GET {path}"), "User-Agent: Mozilla/5.0 (compatible; MSIE 9.0)\nHost: 203.0.113.80")
            .answered(200, bytes(213_589, Shape::Binary, &[0xfc]))
    };
    names(one(stager("/aaLN")), "cobaltstrike-stager");
    silent(one(stager("/aaLO").answered(200, bytes(900, Shape::Html, b"<"))));
    silent(one(stager("/aaLP")));
    let beat = || {
        request(
            "GET /push",
            "Accept: */*\nCookie: <172>\nUser-Agent: Mozilla/5.0 (compatible; MSIE 9.0)\nHost: 203.0.113.80",
        )
    };
    names((0..5).map(|n| http("203.0.113.80:80", n * 60, [beat()])).collect(), "cobaltstrike-default");
    silent(one(beat()));
    let result =
        request("POST /submit.php?id=4711", "Content-Type: application/octet-stream\nHost: 203.0.113.80")
            .with(bytes(300, Shape::Binary, &[0]));
    names(one(result), "cobaltstrike-submit");
    let library = || request("GET /jquery-3.3.1.min.js", "Cookie: __cfduid=<172>\nHost: a.example");
    names(vec![http("203.0.113.80:80", 1, [library(), library(), library()])], "cobaltstrike-jquery");
    let empire = |path: &str| {
        request(
            &format!("GET {path}"),
            "Cookie: session=<28>\nUser-Agent: Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko\nHost: 203.0.113.80",
        )
    };
    names(
        vec![http("203.0.113.80:80", 1, [empire("/news.php"), empire("/admin/get.php")])],
        "empire-default",
    );
    silent(one(empire("/news.php")));
    names(one(request("GET /en-us/test.html?page=0123456789&v=1", "Host: a.example")), "covenant-default");
    let caldera = |path: &str| {
        let body = Body { wrapped: vec!["base64".to_owned()], ..bytes(300, Shape::Base64, b"QUJD") };
        request(&format!("POST {path}"), "Host: 203.0.113.80").with(body)
    };
    let thrice = |path: &str| vec![http("203.0.113.80:80", 1, [caldera(path), caldera(path), caldera(path)])];
    names(thrice("/beacon"), "caldera-sandcat");
    names(thrice("/weather"), "caldera-ragdoll");
    let cookie = || request("GET /load", "Cookie: SESSIONID=<172>\nUser-Agent: Mozilla/5.0\nHost: a.example");
    names(vec![http("203.0.113.80:80", 1, [cookie(), cookie(), cookie(), cookie()])], "cobaltstrike-cookie");
    let idle = |cookie: &str| {
        request(
            "GET /en-us/docs.html",
            &format!(
                "User-Agent: Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/41.0.2228.0 Safari/537.36\nHost: 203.0.113.80\nCookie: {cookie}"
            ),
        )
    };
    names(one(idle("ASPSESSIONID=<10>; SESSIONID=<13>")), "covenant-default");
    silent(one(idle("id=<10>")));
    names(
        one(request("POST /is-ready", "Host: a.example\nUser-Agent: 0A1B<|>PC<|>erika<|>Windows<|>plus")),
        "houdini-ready",
    );
    names(
        one(request("POST /is-ready", "Host: a.example\nUser-Agent: WSHRAT|0A1B|PC|erika|Windows")),
        "wshrat-agent",
    );
    names(
        one(request(
            "POST /Vre",
            "Host: a.example\nUser-Agent: x_C4BA3647\\PC\\erika\\Windows 7\\no\\\\Yes\\",
        )),
        "vjw0rm-agent",
    );
    let poll = request("POST /fakeurl.htm", "Host: 203.0.113.80\nUser-Agent: NetSupport Manager/1.3");
    names((0..5).map(|n| http("203.0.113.80:443", n * 60, [poll.clone()])).collect(), "netsupport-gateway");
    let hash = "0123456789abcdef0123456789abcdef";
    let query: Vec<String> = (0..5).map(|n| format!("{hash}=%3Dv{n}")).collect();
    names(one(request(&format!("GET /a/b.php?{}", query.join("&")), "Host: a.example")), "dcrat-http");
    let long = format!("GET /a/b.php?{}", "x".repeat(150));
    let table = || request(&long, "Accept: */*\nContent-Type: text/csv\nHost: a.example");
    names(vec![http("203.0.113.80:80", 1, [table(), table()])], "dcrat-csv");
    silent(one(request(&format!("GET /a/b.php?id={hash}"), "Host: a.example")));
    names(
        vec![http("203.0.113.80:443", 1, [request("POST /bbs/info.asp", "Host: a.example")])],
        "yayih-page",
    );
}
