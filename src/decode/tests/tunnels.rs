//! Tunnels over IP and UDP.

use super::build::*;
use super::*;

fn finds(data: &[u8], path: &str) {
    let found = good(101, data);
    assert_eq!(found.transport, Transport::Udp { src: 1000, dst: 2000 }, "{path}");
    assert_eq!((found.path.as_str(), &found.payload[..]), (path, &b"inner"[..]));
}

/// That the packet stays what it is outside.
fn stays(data: &[u8], transport: Transport) {
    let (found, _) = decode(&packet(101, data));
    let found = found.expect("the outer packet");
    assert_eq!((found.transport, found.path.as_str()), (transport, ""));
}

fn frame() -> Vec<u8> {
    ether(0x0800, &inner())
}

#[test]
fn ip_in_ip_of_all_four_kinds() {
    finds(&ip4(4, &inner()), "ipip");
    finds(&ip6(4, &inner()), "ipip");
    let inner6 = ip6(17, &udp(1000, 2000, b"inner"));
    finds(&ip4(41, &inner6), "ipip");
    finds(&ip6(41, &inner6), "ipip");
}

#[test]
fn gre_with_its_options() {
    finds(&ip4(47, &[&[0, 0, 8, 0][..], &inner()].concat()), "gre");
    let all = [&[0xb0, 0, 8, 0, 1, 1, 0, 0, 0, 0, 0, 100, 0, 0, 0, 1][..], &inner()].concat();
    finds(&ip4(47, &all), "gre:100");
    finds(&ip4(47, &[&[0, 0, 0x65, 0x58][..], &frame()].concat()), "gre");
    let pptp =
        [&[0x30, 0x81, 0x88, 0x0b, 0, 40, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21][..], &inner()];
    finds(&ip4(47, &pptp.concat()), "gre:9");
    finds(&ip4(47, &[&[0, 0, 0x88, 0xbe][..], &frame()].concat()), "erspan:0");
    let two = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 5, 0, 0, 0, 0][..], &frame()].concat();
    finds(&ip4(47, &two), "erspan:5");
    let three =
        [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 5][..], &[0; 7], &[1], &[0; 8], &frame()].concat();
    finds(&ip4(47, &three), "erspan:5");
    stays(&ip4(47, &[0, 0, 0, 0]), Transport::Other(47));
    stays(&ip4(47, &[0x40, 0, 8, 0, 0, 0, 0, 0, 0]), Transport::Other(47));
}

#[test]
fn vxlan_and_geneve_only_when_plausible() {
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &frame()].concat();
    finds(&ip4(17, &udp(9, 4789, &vxlan)), "vxlan:42");
    stays(&ip4(17, &udp(4789, 9, &vxlan)), Transport::Udp { src: 4789, dst: 9 });
    stays(&ip4(17, &udp(9, 4789, &[7; 60])), Transport::Udp { src: 9, dst: 4789 });
    let mut other = vxlan.clone();
    other[8 + 12] = 0x12;
    stays(&ip4(17, &udp(9, 4789, &other)), Transport::Udp { src: 9, dst: 4789 });
    let geneve = [&[1, 0, 0x65, 0x58, 0, 0, 43, 0, 1, 1, 1, 1][..], &frame()].concat();
    finds(&ip4(17, &udp(9, 6081, &geneve)), "geneve:43");
    let direct = [&[0, 0, 8, 0, 0, 0, 43, 0][..], &inner()].concat();
    finds(&ip4(17, &udp(9, 6081, &direct)), "geneve:43");
}

#[test]
fn gtp_l2tp_teredo_and_mpls() {
    let gtp = [&[0x30, 0xff, 0, 33, 0, 0, 0, 8][..], &inner()].concat();
    finds(&ip4(17, &udp(2152, 2152, &gtp)), "gtp:8");
    let extended = [&[0x34, 0xff, 0, 41, 0, 0, 0, 8, 0, 0, 0, 0x85, 1, 0, 0, 0][..], &inner()].concat();
    finds(&ip4(17, &udp(2152, 2152, &extended)), "gtp:8");
    let l2tp = [&[0, 2, 0, 1, 0, 6, 0xff, 3, 0, 0x21][..], &inner()].concat();
    finds(&ip4(17, &udp(1701, 1701, &l2tp)), "l2tp:6");
    let inner6 = ip6(17, &udp(1000, 2000, b"inner"));
    let teredo = [&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6][..], &inner6].concat();
    finds(&ip4(17, &udp(3544, 9, &teredo)), "teredo");
    let mpls = [&[0, 1, 1, 64][..], &inner()].concat();
    finds(&ip4(17, &udp(9, 6635, &mpls)), "mpls:16");
}

#[test]
fn gre_over_udp_ayiya_and_ethernet_in_ip() {
    let gre = [&[0x20, 0, 8, 0, 0, 0, 0, 7][..], &inner()].concat();
    finds(&ip4(17, &udp(9, 4754, &gre)), "gre:7");
    stays(&ip4(17, &udp(4754, 9, &gre)), Transport::Udp { src: 4754, dst: 9 });
    stays(&ip4(17, &udp(9, 4754, &[0; 60])), Transport::Udp { src: 9, dst: 4754 });
    let inner6 = ip6(17, &udp(1000, 2000, b"inner"));
    let ayiya = [&[0x41, 0x52, 0x11, 41, 1, 2, 3, 4][..], &[0; 16], &[0; 20], &inner6].concat();
    finds(&ip4(17, &udp(5072, 9, &ayiya)), "ayiya");
    stays(&ip4(17, &udp(5072, 9, &ayiya[..80])), Transport::Udp { src: 5072, dst: 9 });
    finds(&ip4(97, &[&[0x30, 0][..], &frame()].concat()), "etherip");
    let gpe = [&[0x0c, 0, 0, 1, 0, 0, 42, 0][..], &inner()].concat();
    finds(&ip4(17, &udp(9, 4790, &gpe)), "vxlan:42");
    // Without the flag for the protocol inside.
    let gpe = [&[0x08, 0, 0, 1, 0, 0, 42, 0][..], &inner()].concat();
    finds(&ip4(17, &udp(9, 4790, &gpe)), "vxlan:42");
    let gpe = [&[0x0c, 0, 0, 3, 0, 0, 42, 0][..], &frame()].concat();
    finds(&ip4(17, &udp(9, 4790, &gpe)), "vxlan:42");
}

#[test]
fn what_cannot_be_read_inside_leaves_the_outside() {
    let arp = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &ether(0x0806, &[0; 28])].concat();
    stays(&ip4(17, &udp(9, 4789, &arp)), Transport::Udp { src: 9, dst: 4789 });
    let (found, trouble) = decode(&packet(101, &ip4(4, &[0x45; 12])));
    assert_eq!(found.expect("the outer packet").transport, Transport::Other(4));
    assert_eq!(trouble, [(Kind::Malformed, 1)]);
}

#[test]
fn nesting_ends() {
    let mut data = inner();
    for _ in 0..MAX_STEPS {
        data = ip4(4, &data);
    }
    finds(&data, &["ipip"; MAX_STEPS].join(" "));
    for _ in 0..100 {
        data = ip4(4, &data);
    }
    let (found, trouble) = decode(&packet(101, &data));
    assert_eq!(found.expect("an outer packet").transport, Transport::Other(4));
    assert_eq!(trouble, [(Kind::Limit, 1)]);
    let tags = [0x81, 0, 0, 1].repeat(500);
    assert_eq!(decode(&packet(1, &ether(0x8100, &tags[2..]))), (None, vec![(Kind::Limit, 1)]));
}

#[test]
fn a_snap_length_inside_a_tunnel_tells_the_true_payload_length() {
    let deep = ip4(
        17,
        &udp(
            9,
            4789,
            &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ether(0x0800, &ip4(6, &tcp(24, &[], &[7; 90])))].concat(),
        ),
    );
    for cut in 28 + 8 + 14 + 20 + 20..deep.len() {
        let (found, trouble) = decode(&Packet { data: &deep[..cut], ..packet(101, &deep) });
        let found = found.expect("TCP");
        assert_eq!((found.payload.len(), found.payload_len), (cut - 90, 90));
        assert!(trouble.is_empty());
    }
}
