//! What each vendor is sent, and what it says: written by hand from the vendors' documents, not from the presets.

use portcullis_revocation::provider::Finding;

use crate::support::OWN;

/// One preset.
pub(crate) struct Row {
    pub(crate) preset: &'static str,
    pub(crate) token_type: &'static str,
    pub(crate) secret: String,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// Beside those that every request has.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// What the vendor says when it worked: status and body.
    pub(crate) success: Vec<(u16, &'static str)>,
    /// What follows from it.
    pub(crate) end: Finding,
    /// What it says of one that is dead already, and what follows from that.
    pub(crate) dead: Vec<(u16, &'static str, Finding)>,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GITHUB: (&str, &str) = ("accept", "application/vnd.github+json");

const CONFIRMED: Finding = Finding::Inactive { confirmed: true };
const NOT_TAKEN: Finding = Finding::Inactive { confirmed: false };
/// The documents do not say what the vendor answers then: nothing is concluded.
const UNKNOWN: Finding = Finding::Retry { after: None, uncertain: false };

impl Row {
    fn new(preset: &'static str, token_type: &'static str, secret: impl Into<String>) -> Self {
        Self {
            preset,
            token_type,
            secret: secret.into(),
            method: "POST",
            target: String::new(),
            headers: Vec::new(),
            body: String::new(),
            success: vec![(200, "")],
            end: Finding::Revoked,
            dead: vec![(401, r#"{"message":"Bad credentials"}"#, UNKNOWN)],
        }
    }

    fn call(mut self, method: &'static str, target: &str) -> Self {
        (self.method, self.target) = (method, target.to_owned());
        self
    }

    fn header(mut self, (name, value): (&'static str, &str)) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bearer(self) -> Self {
        let value = format!("Bearer {}", self.secret);
        self.header(("authorization", &value))
    }

    fn body(mut self, kind: (&'static str, &str), body: impl Into<String>) -> Self {
        self.body = body.into();
        self.header(kind)
    }

    fn says(mut self, success: &[(u16, &'static str)], end: Finding) -> Self {
        (self.success, self.end) = (success.to_vec(), end);
        self
    }

    fn dead(mut self, dead: &[(u16, &'static str, Finding)]) -> Self {
        self.dead = dead.to_vec();
        self
    }
}

/// All of them.
pub(crate) fn rows() -> Vec<Row> {
    [forges(), clouds(), others()].into_iter().flatten().collect()
}

fn forges() -> Vec<Row> {
    let (of, submitted) =
        (|prefix: &str| format!("{prefix}{}", "aB3d".repeat(9)), Finding::Submitted);
    let list = |secret: &str| format!(r#"{{"credentials":["{secret}"]}}"#);
    let (ghp, ghs, hf) = (of("ghp_"), of("ghs_"), of("hf_"));
    let own = format!("Bearer {OWN}");
    let runner = "glrt-t1_abcdefghijklmnopqrst";
    let kind = "gitleaks_rule_id_gitlab_runner_auth_token";
    let fresh = r#"{"id":7,"token":"glrt-the-new-one","token_expires_at":null}"#;
    let forbidden = (403, r#"{"message":"403 Forbidden"}"#, NOT_TAKEN);
    vec![
        Row::new("github", "gitleaks_rule_id_github_personal_access_token", &ghp)
            .call("POST", "/credentials/revoke")
            .header(GITHUB)
            .body(JSON, list(&ghp))
            .says(&[(202, "{}"), (202, "")], submitted)
            .dead(&[(202, "", submitted), (422, r#"{"message":"Validation Failed"}"#, UNKNOWN)]),
        Row::new("github-enterprise", "gitleaks_rule_id_github-pat", &ghp)
            .call("POST", "/api/v3/credentials/revoke")
            .header(GITHUB)
            .header(("authorization", &own))
            .body(JSON, list(&ghp))
            .says(&[(202, "{}")], submitted)
            .dead(&[(202, "", submitted), (422, r#"{"message":"Validation Failed"}"#, UNKNOWN)]),
        Row::new("github-installation", "gitleaks_rule_id_githubappinstallationtoken", ghs)
            .call("DELETE", "/installation/token")
            .header(GITHUB)
            .bearer()
            .says(&[(204, "")], Finding::Revoked),
        Row::new("gitlab-runner-rotate", kind, runner)
            .call("POST", "/api/v4/runners/reset_authentication_token")
            .body(FORM, format!("token={runner}"))
            .says(&[(201, fresh)], Finding::Revoked)
            .dead(&[forbidden]),
        Row::new("gitlab-runner-remove", kind, runner)
            .call("DELETE", "/api/v4/runners")
            .body(FORM, format!("token={runner}"))
            .says(&[(204, "")], Finding::Revoked)
            .dead(&[forbidden]),
        Row::new("huggingface", "gitleaks_rule_id_huggingfaceuseraccesstoken", &hf)
            .call("POST", "/api/credentials/revoke")
            .body(JSON, list(&hf))
            .says(&[(202, "")], submitted)
            .dead(&[(202, "", submitted)]),
        Row::new("buildkite", "portcullis_buildkite_api_token", of("bkua_aB3d"))
            .call("DELETE", "/v2/access-token")
            .bearer()
            .says(&[(204, "")], Finding::Revoked),
    ]
}

fn clouds() -> Vec<Row> {
    let hex = "0123456789abcdef".repeat(4);
    let (pat, doppler) = (format!("dop_v1_{hex}"), format!("dp.pt.{}abc", &hex[..40]));
    let iam = format!("t1.9eu-{hex}==.{hex}{}==", &hex[..22]);
    let hvs = format!("hvs.CAES{hex}-_{hex}");
    vec![
        Row::new(
            "google-oauth",
            "portcullis_google_oauth_refresh_token",
            "1//0gAbC-dEf_0123456789ab",
        )
        .call("POST", "/revoke")
        .body(FORM, "token=1%2F%2F0gAbC-dEf_0123456789ab")
        .says(&[(200, "{}"), (200, "")], Finding::Revoked)
        .dead(&[
            (400, r#"{"error":"invalid_token"}"#, NOT_TAKEN),
            (400, r#"{"error":"invalid_request"}"#, UNKNOWN),
        ]),
        Row::new("digitalocean", "gitleaks_rule_id_digitalocean-pat", &pat)
            .call("POST", "/v1/oauth/revoke")
            .bearer()
            .body(FORM, format!("token={pat}"))
            .says(&[(200, "{}")], Finding::Revoked),
        Row::new("doppler", "gitleaks_rule_id_doppler_api_token", &doppler)
            .call("POST", "/v3/auth/revoke")
            .body(JSON, format!(r#"{{"token":"{doppler}"}}"#))
            .says(&[(200, r#"{"success":true}"#)], Finding::Revoked),
        Row::new("vercel", "portcullis_vercel_access_token", &hex[..24])
            .call("DELETE", "/v3/user/tokens/current")
            .bearer()
            .says(&[(200, r#"{"tokenId":"5d9f2ebd"}"#), (204, "")], Finding::Revoked),
        Row::new("fastly", "gitleaks_rule_id_fastly_api_token", &hex[..32])
            .call("DELETE", "/tokens/self")
            .header(("fastly-key", &hex[..32]))
            .says(&[(204, "")], Finding::Revoked),
        Row::new("vault", "gitleaks_rule_id_vault-service-token", &hvs)
            .call("POST", "/v1/auth/token/revoke-self")
            .header(("x-vault-token", &hvs))
            .says(&[(204, "")], Finding::Revoked)
            .dead(&[(403, r#"{"errors":["permission denied"]}"#, NOT_TAKEN)]),
        Row::new("yandex-iam", "gitleaks_rule_id_yandex-access-token", &iam)
            .call("POST", "/iam/v1/tokens:revoke")
            .bearer()
            .body(JSON, format!(r#"{{"iamToken":"{iam}"}}"#))
            .says(&[(200, r#"{"subjectId":"aje1"}"#)], Finding::Revoked),
    ]
}

fn others() -> Vec<Row> {
    let hex = "0123456789abcdef".repeat(4);
    let (pplx, linear) = (format!("pplx-{}", &hex[..48]), format!("lin_oauth_{hex}"));
    let uuid = "na1-0a1b-01234567-89ab-cdef-0123-456789abcdef";
    let okta = format!("00{}-_", &hex[..38]);
    let hook = format!(
        "https://discordapp.com/api/v10/webhooks/123456789012345678/{hex}-_aB/slack?wait=true"
    );
    let no = |error: &'static str, end| (200, error, end);
    vec![
        Row::new("slack", "gitleaks_rule_id_slack_token", "xoxb-123456789012-abcdefABCDEF")
            .call("POST", "/api/auth.revoke")
            .bearer()
            .says(&[(200, r#"{"ok":true,"revoked":true}"#)], Finding::Revoked)
            .dead(&[
                no(r#"{"ok":false,"error":"token_revoked"}"#, CONFIRMED),
                no(r#"{"ok":false,"error":"account_inactive"}"#, CONFIRMED),
                no(r#"{"ok":false,"error":"invalid_auth"}"#, NOT_TAKEN),
                no(
                    r#"{"ok":false,"error":"ratelimited"}"#,
                    Finding::Retry { after: None, uncertain: true },
                ),
            ]),
        Row::new(
            "dropbox",
            "gitleaks_rule_id_dropbox_short_lived_api_token",
            format!("sl.{hex}{hex}-_="),
        )
        .call("POST", "/2/auth/token/revoke")
        .bearer()
        .says(&[(200, "null"), (200, "")], Finding::Revoked)
        .dead(&[(401, r#"{"error":{".tag":"expired_access_token"}}"#, NOT_TAKEN)]),
        Row::new("discord-webhook", "portcullis_discord_webhook", hook)
            .call("DELETE", &format!("/api/webhooks/123456789012345678/{hex}-_aB"))
            .says(&[(204, "")], Finding::Revoked)
            .dead(&[(404, r#"{"message":"Unknown Webhook","code":10015}"#, UNKNOWN)]),
        Row::new("perplexity", "gitleaks_rule_id_perplexity-api-key", &pplx)
            .call("POST", "/revoke_auth_token")
            .bearer()
            .body(JSON, format!(r#"{{"auth_token":"{pplx}"}}"#))
            .says(&[(200, "")], Finding::Revoked),
        Row::new("linear-oauth", "portcullis_linear_oauth_access_token", &linear)
            .call("POST", "/oauth/revoke")
            .body(FORM, format!("token={linear}"))
            .says(&[(200, "{}")], Finding::Revoked),
        Row::new("hubspot-refresh-token", "portcullis_hubspot_refresh_token", uuid)
            .call("DELETE", &format!("/oauth/v1/refresh-tokens/{uuid}"))
            .says(&[(204, "")], Finding::Revoked)
            .dead(&[(404, r#"{"status":"error"}"#, UNKNOWN)]),
        Row::new("okta", "gitleaks_rule_id_okta-access-token", &okta)
            .call("DELETE", "/api/v1/api-tokens/current")
            .header(("authorization", &format!("SSWS {okta}")))
            .says(&[(204, "")], Finding::Revoked),
    ]
}
