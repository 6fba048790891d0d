//! Keeping keys out of names, messages and files.

use url::form_urlencoded;

use crate::digest;

/// What stands where a key stood.
const BLOT: &str = "***";

/// Query parameters whose values are keys, in lower case; `-` and `_` are left out.
const KEY_PARAMETERS: [&str; 23] = [
    "key",
    "apikey",
    "accesskey",
    "mapkey",
    "subscriptionkey",
    "appcode",
    "appid",
    "token",
    "accesstoken",
    "sessiontoken",
    "session",
    "connectid",
    "sig",
    "signature",
    "secret",
    "password",
    "login",
    // Signed addresses of object stores.
    "awsaccesskeyid",
    "xamzcredential",
    "xamzsecuritytoken",
    "xamzsignature",
    "xgoogcredential",
    "xgoogsignature",
];

/// Letters and digits from which on a path's segment is taken for a key.
const KEY_CHARS: usize = 32;

/// A source as it may be shown: what holds an address without its keys, everything else as it is.
#[must_use]
pub fn redacted(spec: &str) -> String {
    Secrets::default().redact_dataset(spec)
}

/// Texts that must not be shown.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    pub(super) fn add(&mut self, secret: String) {
        // Shorter texts occur by chance; blotting them out would only garble messages.
        if secret.len() >= 4 {
            self.0.push(secret);
        }
    }

    /// The text with every secret blotted out.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, BLOT))
    }

    /// A template with its keys blotted out, which it also remembers.
    ///
    /// Keys are the user part of the address, the values of headers and of parameters with telling
    /// names, and long mixed segments of the path. Of the latter a little of the hash is left, for
    /// they may also tell layers apart.
    pub(super) fn redact_template(&mut self, template: &str) -> String {
        let (before_query, query) = match template.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (template, None),
        };
        let (scheme, rest) = before_query
            .split_once("://")
            .map_or(("", before_query), |(scheme, rest)| (scheme, rest));
        let mut segments = rest.split('/');
        let mut shown = format!(
            "{scheme}://{}",
            self.redact_host(segments.next().unwrap_or(""))
        );
        for segment in segments {
            shown.push('/');
            shown.push_str(&self.redact_segment(segment));
        }
        if let Some(query) = query {
            let pairs: Vec<_> = query
                .split('&')
                .map(|pair| self.redact_pair(pair))
                .collect();
            shown.push('?');
            shown.push_str(&pairs.join("&"));
        }
        self.redact_headers(&shown)
    }

    /// The name of a dataset in GDAL's own words with the keys of an address in it blotted out,
    /// which it also remembers; other names stay as they are.
    pub(super) fn redact_dataset(&mut self, name: &str) -> String {
        if let Some((file_system, settings)) = name.split_once('?')
            && file_system.starts_with("/vsi")
            && !file_system.contains("://")
        {
            let shown: Vec<_> = settings
                .split('&')
                .map(|setting| self.redact_setting(setting))
                .collect();
            return format!("{file_system}?{}", shown.join("&"));
        }
        if !name.contains("://") {
            return name.to_owned();
        }
        // Where a driver puts the address in quotes, a part of the file is named behind them.
        match name.rsplit_once('"') {
            Some((address, part)) if is_quoted(address) => {
                format!("{}\"{part}", self.redact_template(address))
            }
            _ => self.redact_template(name),
        }
    }

    /// One of the settings of `/vsicurl?header.NAME=VALUE&url=ADDRESS`.
    fn redact_setting(&mut self, setting: &str) -> String {
        match setting.split_once('=') {
            Some(("url", _)) => {
                let decoded = form_urlencoded::parse(setting.as_bytes()).next();
                let address = decoded.map_or_else(String::new, |(_, address)| address.into_owned());
                format!("url={}", self.redact_dataset(&address))
            }
            Some((name, value)) if name.starts_with("header.") => {
                self.add(value.to_owned());
                format!("{name}={BLOT}")
            }
            _ => self.redact_pair(setting),
        }
    }

    fn redact_host(&mut self, host: &str) -> String {
        match host.rsplit_once('@') {
            Some((user, host)) => {
                self.add(user.to_owned());
                format!("{BLOT}@{host}")
            }
            None => host.to_owned(),
        }
    }

    fn redact_segment(&mut self, segment: &str) -> String {
        let is_mixed = segment.bytes().any(|byte| byte.is_ascii_digit())
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if segment.len() < KEY_CHARS || !is_mixed {
            return segment.to_owned();
        }
        self.add(segment.to_owned());
        format!("{BLOT}{}", digest::sha256(segment).start::<2>())
    }

    fn redact_pair(&mut self, pair: &str) -> String {
        let Some((name, value)) = pair.split_once('=') else {
            return pair.to_owned();
        };
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        // A token in braces names where the key comes from and holds none.
        if value.starts_with('{') || !KEY_PARAMETERS.contains(&plain.as_str()) {
            return pair.to_owned();
        }
        self.add(value.to_owned());
        format!("{name}={BLOT}")
    }

    fn redact_headers(&mut self, template: &str) -> String {
        let mut shown = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{header(") {
            let (inside, after) = after.split_once(")}").unwrap_or((after, ""));
            let name = inside.split_once(',').map_or(inside, |(name, _)| name);
            shown.push_str(&format!("{before}{{header({name},{BLOT})}}"));
            rest = after;
        }
        shown + rest
    }
}

/// Whether a quote opens before the address.
fn is_quoted(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(before, _)| before.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_blotted_out_and_layers_are_not() {
        for (template, expected) in [
            (
                "https://h/{z}/{x}/{y}.jpg?layer=a&api_key=abcd",
                "https://h/{z}/{x}/{y}.jpg?layer=a&api_key=***",
            ),
            ("https://me:pass@h/{q}", "https://***@h/{q}"),
            (
                "https://h/{q}?Access-Token=abcdef",
                "https://h/{q}?Access-Token=***",
            ),
            ("https://h/{q}?key={env:KEY}", "https://h/{q}?key={env:KEY}"),
            (
                "https://h/{header(X-Key,abcd)}{q}",
                "https://h/{header(X-Key,***)}{q}",
            ),
            (
                "https://h/0123456789abcdef0123456789abcdef/{q}",
                "https://h/***3eb1/{q}",
            ),
        ] {
            assert_eq!(Secrets::default().redact_template(template), expected);
        }
    }

    #[test]
    fn keys_in_the_names_of_datasets_are_blotted_out_and_paths_left_alone() {
        for (name, expected) in [
            ("/data/a?b/ortho.tif", "/data/a?b/ortho.tif"),
            (
                "/vsicurl/https://h/o.tif?sig=SECRET&v=2",
                "/vsicurl/https://h/o.tif?sig=***&v=2",
            ),
            (
                "/vsicurl/https://h/o.tif?X-Amz-Signature=SECRET",
                "/vsicurl/https://h/o.tif?X-Amz-Signature=***",
            ),
            (
                "NETCDF:\"/vsicurl/https://me:pass@h/o.nc?token=SECRET\":red",
                "NETCDF:\"/vsicurl/https://***@h/o.nc?token=***\":red",
            ),
            (
                "https://h/{q}?style=\"a\"&key=SECRET",
                "https://h/{q}?style=\"a\"&key=***",
            ),
            (
                "/vsicurl?header.X-Key=SECRET&url=https%3A%2F%2Fh%2Fo.tif%3Fsig%3DSECRET",
                "/vsicurl?header.X-Key=***&url=https://h/o.tif?sig=***",
            ),
        ] {
            assert_eq!(Secrets::default().redact_dataset(name), expected);
        }
    }

    #[test]
    fn messages_are_scrubbed_of_what_was_redacted() {
        let mut secrets = Secrets::default();
        secrets.redact_template("https://h/{q}?key=abcd1234");
        assert_eq!(
            secrets.scrub("GET /?key=abcd1234 failed"),
            "GET /?key=*** failed"
        );
    }
}
