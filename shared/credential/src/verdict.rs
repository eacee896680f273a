//! What can be said about an upload.

use domain::credential::Environment;
use domain::time::Timestamp;

macro_rules! verdicts {
    ($($(#[$doc:meta])* $name:ident $({ $($part:ident : $type:ty),+ })? = $rule:literal $field:literal $weight:ident $say:literal $(, $($value:expr),+)?;)+) => {
        /// One thing to say about an upload.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[expect(missing_docs, reason = "each has its own sentence, which is its text")]
        pub enum Verdict {
            $($(#[$doc])* #[error($say $(, $($value),+)?)] $name $({ $($part: $type),+ })?),+
        }

        impl Verdict {
            /// Every word of [`rule`](Self::rule), in the order in which an upload is looked at.
            pub const RULES: &'static [&'static str] = &[$($rule),+];

            /// A stable word for it.
            #[must_use]
            pub fn rule(&self) -> &'static str {
                match self { $(Self::$name { .. } => $rule),+ }
            }

            /// The part of the upload it is about, as the API names it.
            #[must_use]
            pub fn field(&self) -> &'static str {
                match self { $(Self::$name { .. } => $field),+ }
            }

            /// Whether it keeps the upload out; the others are warnings.
            #[must_use]
            pub fn refuses(&self) -> bool {
                match self { $(Self::$name { .. } => verdicts!(@ $weight)),+ }
            }
        }
    };
    (@ refuse) => { true };
    (@ warn) => { false };
}

verdicts! {
    TooLarge { limit: usize } = "too_large" "p12" refuse "has more than {limit} bytes; a push certificate with its key has about 3,000";
    NotP12 = "not_p12" "p12" refuse "is no .p12 file; in Keychain Access, export the certificate together with its key as \"Personal Information Exchange\"";
    Damaged = "damaged" "p12" refuse "is a .p12 file that is cut off or damaged; export it again";
    WrongPassword = "wrong_password" "password" refuse "does not open the file; use the one that was chosen at the export";
    EmptyPassword = "empty_password" "password" warn "is empty: whoever gets hold of the file can push to your users";
    UnsupportedCipher { name: String } = "unsupported_cipher" "p12" refuse "is encrypted with {name}, which cannot be read here; export it again with AES-256";
    OldCipher { name: &'static str } = "old_cipher" "p12" warn "is encrypted with {name}, which is easily broken; keep the file to yourself, or delete it";
    TooManyIterations { most: u32 } = "too_many_iterations" "p12" refuse "asks for more rounds of key derivation than the {most} allowed; export it again";
    NoKey = "no_key" "p12" refuse "holds no private key; export the key together with the certificate";
    TwoKeys { count: usize } = "two_keys" "p12" refuse "holds {count} private keys; export one certificate with its key alone";
    UnusableKey = "unusable_key" "p12" refuse "holds a private key that is neither RSA of 2,048 bits or more nor on the curve P-256";
    NoCertificate = "no_certificate" "p12" refuse "holds no certificate; export the certificate together with its key";
    UnreadableCertificate = "unreadable_certificate" "p12" refuse "holds a certificate that cannot be read";
    KeyMismatch = "key_mismatch" "p12" refuse "holds a private key that belongs to none of its certificates";
    Expired { at: Timestamp } = "expired" "p12" refuse "ended at {at}; make a new certificate in the Apple developer account";
    NotYetValid { from: Timestamp } = "not_yet_valid" "p12" refuse "is not valid before {from}";
    EndsSoon { days: i64 } = "ends_soon" "p12" warn "ends in {days} days; make its successor now";
    WrongEnvironment { asked: Environment, good: String } = "wrong_environment" "environment" refuse "the certificate is not for {asked}, but for {good}";
    NotForPush = "not_for_push" "p12" refuse "holds a certificate that is not for pushes; choose \"Apple Push Notification service SSL (Sandbox & Production)\"";
    VoipOnly = "voip_only" "p12" refuse "holds a certificate for VoIP alone, with which no alert can be sent; choose \"Apple Push Notification service SSL (Sandbox & Production)\"";
    NoBundleId = "no_bundle_id" "p12" refuse "holds a certificate that names no bundle id";
    ForeignBundleId { bundle: String } = "foreign_bundle_id" "bundleId" refuse "is not among the topics of the certificate, which is for {bundle}";
    NoClientAuth = "no_client_auth" "p12" refuse "holds a certificate that may not be used as a client's";
    ForeignIssuer = "foreign_issuer" "p12" warn "holds a certificate that does not seem to be issued by Apple Worldwide Developer Relations; Apple will refuse any other";
    NotP8 = "not_p8" "p8" refuse "is no .p8 file: a PKCS#8 key on the curve P-256 between BEGIN PRIVATE KEY and END PRIVATE KEY";
    BadKeyId = "bad_key_id" "keyId" refuse "must be the 10 capital letters and digits that the Apple developer account shows for the key";
    BadTeamId = "bad_team_id" "teamId" refuse "must be the 10 capital letters and digits of the team, as in the membership details of the Apple developer account";
    BadBundleId = "bad_bundle_id" "bundleId" refuse "must be the bundle id of the application, e.g. com.example.app";
    NeverExpires = "never_expires" "p8" warn "never expires and opens every application of the team; revoke it in the Apple developer account if it gets lost";
    NotServiceAccount = "not_service_account" "serviceAccount" refuse "is not the JSON of a service account; in the Firebase console, Service accounts, generate a new private key";
    OldServerKey = "old_server_key" "serviceAccount" refuse "is a server key of the former FCM, which Google has shut down since July 2024; use the JSON of a service account";
    BadProjectId = "bad_project_id" "serviceAccount" refuse "names no project id of 6 to 30 lower-case letters, digits and hyphens";
    BadClientEmail = "bad_client_email" "serviceAccount" refuse "names no client_email";
    BadPrivateKey = "bad_private_key" "serviceAccount" refuse "holds no readable private_key: RSA as PKCS#8 between BEGIN PRIVATE KEY and END PRIVATE KEY";
    ForeignTokenUri = "foreign_token_uri" "serviceAccount" refuse "names a token_uri that is not Google's; the file was changed";
    BadApiKey = "bad_api_key" "apiKey" refuse "must be the API Key of the Baidu application: 8 to 128 letters and digits";
    BadSecretKey = "bad_secret_key" "secretKey" refuse "must be the Secret Key of the Baidu application: 8 to 128 letters and digits";
    Unverified = "unverified" "apiKey" warn "cannot be judged before it is used; send a test, and know that this way to Baidu was written from its documents and never checked against the live service";
}
