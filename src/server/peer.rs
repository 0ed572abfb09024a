//! Determines the user of this machine to whom a connection belongs.
//!
//! Clients that reach a port of the loopback interface are on this machine, but may be any of its
//! users. Linux reports the owner of the socket at the other end over netlink (`sock_diag`), at a
//! cost that, unlike that of reading `/proc/net/tcp`, does not grow with the number of sockets.
//! Other systems have no interface for this that a program without `unsafe` can use.

use std::net::SocketAddr;

/// The origin of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A program on this machine, and the id of its user if it is known.
    Here(Option<u32>),
    /// Another machine, or an address of this machine that others can reach too.
    Away,
}

impl Peer {
    /// Determines the peer of a connection between these addresses; called before anything is read.
    pub(super) fn of(peer: SocketAddr, own: SocketAddr) -> Self {
        let canonical =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (peer, own) = (canonical(peer), canonical(own));
        if peer.ip().is_loopback() { Peer::Here(user_of(peer, own)) } else { Peer::Away }
    }
}

/// Returns the id of the user of this process.
pub(super) fn own_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Returns whether the system reports the users of connections.
pub fn knows_users() -> bool {
    asked().is_some_and(|user| user.is_some())
}

/// Tests this with a connection of our own; `None` without a loopback interface.
fn asked() -> Option<Option<u32>> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).ok()?;
    let own = listener.local_addr().ok()?;
    let client = std::net::TcpStream::connect(own).ok()?;
    Some(user_of(client.local_addr().ok()?, own))
}

#[cfg(not(target_os = "linux"))]
fn user_of(_: SocketAddr, _: SocketAddr) -> Option<u32> {
    None
}

/// Returns the user of the socket at `peer` that is connected to `own`; `None` if it is already
/// closed, or belongs to a user that is unknown in this user namespace.
#[cfg(target_os = "linux")]
fn user_of(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let answer = linux::ask(&linux::question(peer, own)).ok()?;
    linux::user(&answer, peer, own)
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
        socket,
    };
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::AsRawFd;

    // linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
    const HEADER: usize = 16;
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NLM_F_REQUEST: u16 = 1;
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    const IPPROTO_TCP: u8 = 6;
    const TIME_WAIT: u8 = 6;
    const LISTEN: u8 = 10;
    /// The ports, addresses, interface and cookie of a socket (`inet_diag_sockid`).
    const ID: usize = 48;
    /// The sizes of the fields before them in a request (`inet_diag_req_v2`) and in an answer
    /// (`inet_diag_msg`).
    const BEFORE_ID: [usize; 2] = [8, 4];
    /// The id that stands for users unknown in the namespace, by default.
    const NOBODY: u32 = 65_534;

    fn octets(ip: IpAddr) -> [u8; 16] {
        let mut octets = [0; 16];
        match ip {
            IpAddr::V4(v4) => octets[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => octets = v6.octets(),
        }
        octets
    }

    /// Returns the ports and addresses of the socket at `peer`, from its own perspective.
    fn ends(peer: SocketAddr, own: SocketAddr) -> Vec<u8> {
        let ports = [peer.port().to_be_bytes(), own.port().to_be_bytes()].concat();
        [&ports[..], &octets(peer.ip()), &octets(own.ip())].concat()
    }

    /// Returns the request for the socket at `peer`.
    pub(super) fn question(peer: SocketAddr, own: SocketAddr) -> Vec<u8> {
        let length = HEADER + BEFORE_ID[0] + ID;
        let mut message = Vec::with_capacity(length);
        message.extend_from_slice(&(length as u32).to_ne_bytes());
        message.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        message.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
        message.extend_from_slice(&[0; 8]);
        let family = if peer.is_ipv4() { AF_INET } else { AF_INET6 };
        message.extend_from_slice(&[family, IPPROTO_TCP, 0, 0]);
        // Any state.
        message.extend_from_slice(&u32::MAX.to_ne_bytes());
        message.extend_from_slice(&ends(peer, own));
        // Any interface, no cookie.
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&[0xff; 8]);
        message
    }

    pub(super) fn ask(question: &[u8]) -> nix::Result<Vec<u8>> {
        let protocol = SockProtocol::NetlinkSockDiag;
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        let kernel = NetlinkAddr::new(0, 0);
        sendto(socket.as_raw_fd(), question, &kernel, MsgFlags::empty())?;
        // The kernel answers during the request, so this does not wait.
        let mut answer = vec![0; 1024];
        let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
        answer.truncate(length);
        Ok(answer)
    }

    /// Returns the user in an answer. Closed sockets, and what is left of them, are reported as
    /// root's, which is ignored.
    pub(super) fn user(answer: &[u8], peer: SocketAddr, own: SocketAddr) -> Option<u32> {
        let u32_at = |at: usize| {
            let bytes = answer.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?))
        };
        let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
        let (state, id) = (*answer.get(HEADER + 1)?, HEADER + BEFORE_ID[1]);
        let is_it = answer.get(id..id + 36)? == ends(peer, own);
        // After the id: a timer, two queues, the user, the inode.
        let (user, inode) = (u32_at(id + ID + 12)?, u32_at(id + ID + 16)?);
        let is_open = inode != 0 && state != TIME_WAIT && state != LISTEN;
        (kind == SOCK_DIAG_BY_FAMILY && is_it && is_open && user != NOBODY).then_some(user)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_user_of_a_peer_is_known_until_it_closes() {
        for (bound, address) in
            [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1"), ("::", "::1")]
        {
            // Not every machine has IPv6.
            let Ok(listener) = TcpListener::bind((bound, 0)) else { continue };
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect((address, port)).unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            let own = accepted.local_addr().unwrap();
            assert_eq!(Peer::of(peer, own), Peer::Here(Some(own_user())), "{bound} {address}");
            // Its port, on a connection that does not exist.
            let other = SocketAddr::new(own.ip(), own.port() ^ 1);
            assert_eq!(Peer::of(peer, other), Peer::Here(None));
            drop(client);
            assert_eq!(Peer::of(peer, own), Peer::Here(None), "{bound} {address}");
        }
        let away = "192.0.2.1:5".parse().unwrap();
        assert_eq!(Peer::of(away, away), Peer::Away);
        assert!(knows_users());
    }
}
