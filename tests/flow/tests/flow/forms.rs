//! Push credentials as a form with files.

use crate::certificates::{PASSWORD, p12};
use crate::harness::{Fanfare, checked};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_a_file_is_taken_and_a_broken_one_is_told_what_is_wrong_with_a_form() {
    let fanfare = Fanfare::start().await;
    let file = p12();
    let text = |name: &str, value: &str| {
        format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut form = Vec::new();
    for (name, value) in [
        ("name", "Sandbox"),
        ("platform", "ios"),
        ("provider", "apns"),
        ("environment", "sandbox"),
        ("password", PASSWORD),
    ] {
        form.extend(text(name, value).into_bytes());
    }
    form.extend(b"--edge\r\ncontent-disposition: form-data; name=\"p12\"; filename=\"push.p12\"\r\ncontent-type: application/x-pkcs12\r\n\r\n");
    form.extend(&file);
    form.extend(b"\r\n--edge--\r\n");
    let send = async |kind: &str, form: &[u8]| {
        let path = "/v1/networks/demo/certificates";
        let request = fanfare.request("POST", path).bearer_auth(fanfare.admin());
        let request = request.header("content-type", kind).body(form.to_vec());
        checked("POST", path, request).await
    };
    let kind = "multipart/form-data; BOUNDARY=edge";
    for (kind, form, said) in [
        (kind, &form[..form.len() - 8], "it has no end"),
        (kind, b"{}", "it has no first boundary"),
        ("multipart/form-data", &form, "names no boundary"),
    ] {
        let refused = send(kind, form).await;
        assert_eq!((refused.status, refused.problem()), (400, "malformed-form"));
        assert!(refused.text("/detail").contains(said), "{}", refused.body);
    }
    let sent = send(kind, &form).await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let listed = fanfare.get("/certificates").await;
    let items = listed.body["items"].as_array().unwrap();
    let names: Vec<_> = items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Sandbox"]);
    fanfare.system.stop().await;
}
