//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a transport may reach. Checked on the address that is dialled, after names were looked up, so that a name
/// that changes its mind gains nothing.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Every address. For vendors, whose addresses the application wrote down itself.
    #[default]
    Anywhere,
    /// Public addresses only: none of this machine, of private networks, of the link, or of a cloud's metadata service.
    Public,
    /// Public addresses and this machine.
    PublicAndLoopback,
}

impl Reach {
    /// May `address` be dialled?
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public => is_public(address),
            Self::PublicAndLoopback => is_public(address) || canonical(address).is_loopback(),
        }
    }
}

/// An IPv4 address written as IPv6 is judged as the IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => long.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

fn is_public(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(short) => is_public_v4(short),
        IpAddr::V6(long) => is_public_v6(long),
    }
}

/// By IANA's registry of special addresses: <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

/// Of the addresses handed out (`2000::/3`) all but those that lead elsewhere: documentation, tunnels into IPv4. The
/// translation prefix `64:ff9b::/96` is judged by the address inside.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        return is_public_v4(embedded(g, h));
    }
    let special = matches!((a, b), (0x2001, 0x0db8 | 0..=0x01ff) | (0x3fff, 0..=0x0fff)) || a == 0x2002;
    a & 0xe000 == 0x2000 && !special
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_dialled() {
        for private in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address: IpAddr = private.parse().unwrap();
            assert!(!Reach::Public.allows(address), "{private}");
            assert!(Reach::Anywhere.allows(address));
        }
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            assert!(Reach::Public.allows(public.parse().unwrap()), "{public}");
        }
        for (address, allowed) in
            [("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false)]
        {
            assert_eq!(Reach::PublicAndLoopback.allows(address.parse().unwrap()), allowed, "{address}");
        }
    }
}
