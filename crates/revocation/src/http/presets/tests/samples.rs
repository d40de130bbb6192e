//! Secrets of every type, and what nearly is one. They are made up.

use super::*;

/// `count` characters of every kind that tokens have.
fn x(count: usize) -> String {
    "aB3dE6gH9jK2mN5pQ8sT".chars().cycle().take(count).collect()
}

fn hex(count: usize) -> String {
    "0123456789abcdef".chars().cycle().take(count).collect()
}

const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// The shortest and the oddest that scanners take of a type, given without `gitleaks_rule_id_`, and others.
/// `None` where the type is unknown here.
fn samples(of_type: &str) -> Option<Vec<String>> {
    let with = |prefix: &str| vec![format!("{prefix}{}", x(36)), format!("{prefix}{}", x(80))];
    Some(match of_type {
        "github_personal_access_token" | "github-pat" => with("ghp_"),
        "githubfinegrainedpersonalaccesstoken" | "github-fine-grained-pat" => {
            vec![format!("github_pat_{}_{}", x(22), x(59))]
        }
        "github_oauth_access_token" | "github-oauth" => with("gho_"),
        "github_app_token" | "github-app-token" => with("ghu_"),
        "github_refresh_token" | "github-refresh-token" => with("ghr_"),
        "githubappinstallationtoken" => with("ghs_"),
        "huggingfaceuseraccesstoken" | "huggingface-access-token" => {
            vec![format!("hf_{}", "aBcDeFgHiJkLmNoPq".repeat(2))]
        }
        "digitalocean-pat" => vec![format!("dop_v1_{}", hex(64))],
        "digitalocean-access-token" => vec![format!("doo_v1_{}", hex(64))],
        "doppler_api_token" | "doppler-api-token" => vec![format!("dp.pt.{}", x(43))],
        "doppler_service_token" => {
            vec![format!("dp.st.{}", x(43)), format!("dp.st.dev_eu-1.{}", x(40))]
        }
        "portcullis_doppler_cli_token" => vec![format!("dp.ct.{}", x(43))],
        "dropbox_short_lived_api_token" | "dropbox-short-lived-api-token" => {
            vec![format!("sl.{}-_=", x(132)), format!("sl.u.{}", x(1200))]
        }
        "dropbox_long_lived_api_token" | "dropbox-long-lived-api-token" => {
            vec![format!("{}AAAAAAAAAA{}-_=", x(11), x(40))]
        }
        "fastly_api_token" | "fastly-api-token" => vec![x(32), format!("{}-_=", x(29))],
        "perplexity-api-key" => vec![format!("pplx-{}", x(48))],
        "okta-access-token" => vec![format!("00{}-_", x(38)), format!("00{}=", x(39))],
        "portcullis_google_oauth_access_token" => vec![format!("ya29.a0-{}", x(200))],
        "portcullis_google_oauth_refresh_token" => vec![format!("1//0g-{}_", x(60))],
        "portcullis_buildkite_api_token" => vec![format!("bkua_{}", hex(40)), hex(40)],
        "portcullis_vercel_access_token" => vec![x(24), format!("vcp_{}", x(56))],
        "portcullis_linear_oauth_access_token" => vec![format!("lin_oauth_{}", hex(64)), hex(64)],
        other => return more(other),
    })
}

fn more(of_type: &str) -> Option<Vec<String>> {
    Some(match of_type {
        name if name.starts_with("gitlab") && name.contains("runner") => vec![
            format!("glrt-{}", x(20)),
            format!("glrtr-t1_{}", x(20)),
            format!("acme-glrt-t3_{}.01.0z9abcdef", x(27)),
            format!("glrt-t1_{}.0z9abcdef", x(290)),
        ],
        "slack_token" => vec![
            "xoxb-0123456789".to_owned(),
            format!("xoxe.xoxp-1-{}", x(166)),
            format!("xoxc-1-2-3-{}", hex(64)),
        ],
        "slackappleveltoken" => vec![format!("xapp-1-A0123-1234567890123-{}", hex(64))],
        "slack-app-token" => vec![format!("XAPP-1-A01-123-{}", hex(64))],
        "slack-bot-token" => vec!["xoxb-1234567890-1234567890aB-c".to_owned()],
        "slack-config-access-token" => vec![format!("xoxe.xoxb-1-{}", x(163))],
        "slack-config-refresh-token" => vec![format!("xoxe-1-{}", x(146))],
        "slack-legacy-bot-token" => vec![format!("xoxb-12345678-{}", x(18))],
        "slack-legacy-token" => vec!["xoxs-1-2-3-aF09".to_owned(), "xoxo-1-2-3-aF09".to_owned()],
        "slack-legacy-workspace-token" => {
            vec![format!("xoxa-2-{}", x(8)), format!("xoxr-{}", x(8))]
        }
        "slack-user-token" => vec![format!("xoxp-1234567890-1234567890-1234567890-{}", x(28))],
        "vault-service-token" => vec![
            format!("hvs.{}", x(90)),
            format!("hvs.{}", x(24)),
            format!("s.{}", x(24)),
            format!("s.{}.{}", x(24), x(5)),
        ],
        "yandex-access-token" => {
            vec![format!("t1.{}==.{}==", x(200), x(86)), format!("t1.9-_.{}", x(86))]
        }
        "portcullis_hubspot_refresh_token" => {
            vec![UUID.to_owned(), format!("na1-0a1b-{UUID}"), format!("eu1-{UUID}")]
        }
        "portcullis_discord_webhook" => vec![
            format!("https://discord.com/api/webhooks/123456789012345678/{}", x(68)),
            format!("https://DiscordApp.com:443/api/v10/webhooks/12345678901234567/{}-_", x(66)),
            format!("http://ptb.discord.com/api/webhooks/1234567890123456789/{}/slack?a=b", x(68)),
        ],
        _ => return None,
    })
}

fn of_type(name: &str) -> Vec<String> {
    let short = name.strip_prefix("gitleaks_rule_id_").unwrap_or(name);
    samples(short).unwrap_or_else(|| panic!("no sample of {name}"))
}

#[test]
fn every_format_takes_what_scanners_find_and_nothing_around_it() {
    let all = Preset::all().values().flat_map(|p| p.types.keys().map(move |name| (p, name)));
    for (preset, name) in all {
        let format = format(preset, name);
        for token in of_type(name) {
            assert!(format.fits(&token), "{name} {token}");
            for around in [
                format!(" {token}"),
                format!("{token} "),
                format!("{token}\n"),
                format!("{token}\r\nX-Other: 1"),
                format!("\"{token}\""),
                format!("{token}\n{token}"),
                format!("{token}\0"),
                format!("{token}é"),
                format!("../{token}"),
                format!("{token}{}", "a".repeat(16 * 1024)),
                token[..4].to_owned(),
                String::new(),
            ] {
                assert!(!format.fits(&around), "{name} {around:?}");
            }
        }
    }
}

#[test]
fn a_token_of_one_vendor_is_none_of_another() {
    for (name, preset) in
        Preset::all().iter().filter(|(name, _)| !FORMLESS.contains(&name.as_str()))
    {
        for token_type in preset.types.keys() {
            let format = format(preset, token_type);
            for (other, others) in Preset::all() {
                let pair = [name.as_str(), other.as_str()];
                let same = name == other
                    || ALTERNATIVES.contains(&pair)
                    || ALTERNATIVES.contains(&[pair[1], pair[0]]);
                for foreign in others.types.keys().flat_map(|t| of_type(t)) {
                    assert!(same || !format.fits(&foreign), "{token_type} {other} {foreign}");
                }
            }
        }
    }
}

#[test]
fn the_address_of_a_webhook_is_discords_or_none() {
    let preset = Preset::named("discord-webhook").unwrap();
    let format = format(preset, "portcullis_discord_webhook");
    let path = format!("/api/webhooks/123456789012345678/{}", x(68));
    for host in [
        "https://evil.example",
        "https://discord.com.evil.example",
        "https://evildiscord.com",
        "https://evil.discord.com",
        "https://discord.com@evil.example",
        "https://discord.com:pass@evil.example",
        "https://evil.example\\@discord.com",
        "https://evil.example#https://discord.com",
        "https://evil.example/?https://discord.com",
        "https://discord.com:8443",
        "https://discord.com.",
        "https:///discord.com",
        "//discord.com",
        "ftp://discord.com",
        "https://discord\u{2024}com",
        "",
    ] {
        assert!(!format.fits(&format!("{host}{path}")), "{host}");
    }
    for bad in [
        format!("/api/webhooks/../users/123456789012345678/{}", x(68)),
        format!("/api/webhooks/123456789012345678/%2e%2e/{}", x(68)),
        format!("/api/webhooks/{}/{}", "\u{664}".repeat(18), x(68)),
        format!("/api/webhooks/123456789012345678/{}%2f..", x(60)),
        "/api/webhooks/123456789012345678/".to_owned(),
    ] {
        assert!(!format.fits(&format!("https://discord.com{bad}")), "{bad}");
    }
}
