//! What a signature costs at best: the program `openssl`, which wraps nothing around it.

use std::process::Command;

/// A kind of key, as `openssl speed` calls it, and the mark of the line where its figures are.
pub(crate) type Kind = (&'static str, &'static str);

pub(crate) const RSA_2048: Kind = ("rsa2048", "+F2:");
pub(crate) const P256: Kind = ("ecdsap256", "+F4:");
pub(crate) const ED25519: Kind = ("ed25519", "+F6:");

/// Of one kind of key, a second on one core.
#[derive(Clone, Copy)]
pub(crate) struct Speed {
    pub(crate) signatures: f64,
    pub(crate) verifications: f64,
}

/// Two seconds for each figure.
pub(crate) fn openssl_speed<const N: usize>(kinds: [Kind; N]) -> [Speed; N] {
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "2"])
        .args(kinds.map(|(name, _)| name))
        .output()
        .expect("the program openssl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    kinds.map(|(_, mark)| {
        let line = text.lines().find(|line| line.starts_with(mark)).expect("a line of it");
        let mut figures = line.rsplit(':').map(|figure| figure.parse().expect("a figure"));
        let mut next = || figures.next().expect("two figures");
        Speed { verifications: next(), signatures: next() }
    })
}
