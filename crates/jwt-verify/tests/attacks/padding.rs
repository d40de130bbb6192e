//! PKCS #1 v1.5: blocks that hold the right digest and are not the one block that RFC 8017, section 9.2,
//! allows. Each is signed with the issuer's own key, so that only the padding can refuse it.

use openssl::rsa::Padding;
use portcullis_test_support::base64url;
use sha2::{Digest as _, Sha256};

use crate::support::*;

/// `DigestInfo` of SHA-256 up to the digest.
const INFO: &str = "3031300d060960864801650304020105000420";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// A token whose signature is the private operation on this block.
fn over(block: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let (signed, _) = taken_apart(&RSA.sign(&claims()));
    let block = block(&Sha256::digest(&signed));
    let rsa = RSA.pkey().rsa().unwrap();
    let mut signature = vec![0; 256];
    rsa.private_encrypt(&block, &mut signature, Padding::NONE).unwrap();
    format!("{signed}.{}", base64url(signature))
}

/// 00 01 FF… 00 and this, filled up to 256 bytes.
fn padded(content: &[u8]) -> Vec<u8> {
    [&[0, 1], vec![0xff; 253 - content.len()].as_slice(), &[0], content].concat()
}

/// The same with so much padding, and garbage for the rest.
fn with_garbage(padding: usize, content: &[u8]) -> Vec<u8> {
    let mut block = [&[0, 1], vec![0xff; padding].as_slice(), &[0], content].concat();
    block.resize(256, 0xa5);
    block
}

#[test]
fn the_right_block_verifies() {
    let token = over(|digest| padded(&[&bytes(INFO), digest].concat()));
    judges().agree([("right", token, VERIFIED)]);
}

/// Bleichenbacher's forgery and its kin: what follows the digest, or hides within.
#[test]
fn nothing_stands_beside_the_digest() {
    let plain = |digest: &[u8]| [&bytes(INFO), digest].concat();
    judges().agree([0, 8, 100, 201].map(|padding| {
        let token = over(|digest| with_garbage(padding, &plain(digest)));
        (format!("garbage after {padding} of padding"), token, "signature")
    }));
    judges().agree([
        ("one byte more", over(|digest| padded(&[plain(digest), vec![0]].concat())), "signature"),
        ("NULL after", over(|digest| padded(&[plain(digest), vec![5, 0]].concat())), "signature"),
        ("digest alone", over(padded), "signature"),
        ("digest cut", over(|digest| padded(&plain(&digest[..31]))), "signature"),
        ("digest twice", over(|digest| padded(&plain(&[digest, digest].concat()))), "signature"),
    ]);
}

/// BER where DER belongs, and parameters that are not NULL.
#[test]
fn the_info_is_written_in_one_way() {
    let infos = [
        ("no NULL", "302f300b0609608648016503040201" /* 47 */, "0420"),
        ("long length outside", "308131300d06096086480165030402010500", "0420"),
        ("longer length outside", "30820031300d06096086480165030402010500", "0420"),
        ("long length of the algorithm", "303230810d06096086480165030402010500", "0420"),
        ("long length of the identifier", "3032300e0681096086480165030402010500", "0420"),
        ("long length of NULL", "3032300e0609608648016503040201058100", "0420"),
        ("long length of the digest", "3032300d06096086480165030402010500", "048120"),
        ("indefinite length", "3080300d06096086480165030402010500", "0420"),
        ("NULL with content", "3033300f060960864801650304020105020000", "0420"),
        ("garbage for NULL", "3035301106096086480165030402010404deadbeef", "0420"),
        ("two NULLs", "3033300f060960864801650304020105000500", "0420"),
        ("a bit string", "3031300d06096086480165030402010500", "0320"),
        ("a set outside", "3131300d06096086480165030402010500", "0420"),
        ("a longer length than there is", "30ff300d06096086480165030402010500", "0420"),
        ("SHA-384's name", "3031300d06096086480165030402020500", "0420"),
        ("SHA-512/256's name", "3031300d06096086480165030402060500", "0420"),
        ("SHA-1's name", "302d300906052b0e03021a0500", "0420"),
        ("MD5's name", "3030300c06082a864886f70d02050500", "0420"),
        ("no info", "", ""),
    ];
    judges().agree(infos.map(|(name, before, digest_head)| {
        let info = bytes(&format!("{before}{digest_head}"));
        (name, over(|digest| padded(&[&info, digest].concat())), "signature")
    }));
}

#[test]
fn the_padding_is_ones_from_end_to_end() {
    let block = |digest: &[u8]| padded(&[&bytes(INFO), digest].concat());
    let changed = |place: usize, with: u8| {
        over(move |digest| {
            let mut block = block(digest);
            block[place] = with;
            block
        })
    };
    let separator = 256 - 51 - 1;
    let places = [
        ("block type 0", 1, 0),
        ("block type 2", 1, 2),
        ("first byte", 0, 1),
        ("padding begins otherwise", 2, 0xfe),
        ("padding ends otherwise", separator - 1, 0x7f),
        ("a zero in the padding", 100, 0),
        ("no separator", separator, 0xff),
        ("another separator", separator, 1),
    ];
    judges().agree(places.map(|(name, place, with)| (name, changed(place, with), "signature")));
    let shifted = over(|digest| {
        let mut block = block(digest);
        block.remove(2);
        block.insert(0, 0);
        block
    });
    judges().agree([("one zero more before", shifted, "signature")]);
}

/// The same bits with SHA-1 in the right `DigestInfo`: a sound block of a weaker algorithm.
#[test]
fn a_sound_block_of_another_digest_is_refused() {
    let token = over(|_| {
        let digest = openssl::sha::sha1(b"anything");
        padded(&[bytes("3021300906052b0e03021a05000414"), digest.to_vec()].concat())
    });
    judges().agree([("SHA-1", token, "signature")]);
}
