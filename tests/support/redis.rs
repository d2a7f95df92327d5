//! A real Redis server for a test, on loopback, ended with it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A running server; killed by its own handle when dropped.
pub(crate) struct RedisServer {
    program: String,
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts the program that `POLYROUTE_REDIS_SERVER` names; `None` where it names none.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "says where the program is")]
        let program = std::env::var("POLYROUTE_REDIS_SERVER").ok().filter(|path| !path.is_empty())?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { program, port, arguments, child: None };
        server.resume();
        Some(server)
    }

    /// Starts it again, empty, on the same port.
    pub(crate) fn resume(&mut self) {
        let child = Command::new(&self.program)
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let child = self.child.insert(child);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(child.try_wait().expect("it can be asked").is_none(), "the server ended at once");
            std::thread::yield_now();
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
