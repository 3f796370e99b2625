//! The futures of the endpoints are small: frameworks move them, and a debug build copies each on the stack.

use gatewright::endpoints::{Endpoint, Refresh};
use gatewright::http::{Headers, RequestView};
use gatewright::types::TokenText;
use gatewright::{Auth, HmacSecret, Jwt, Login, MemoryStore, Password, Registration, RoleName};
use gatewright_testkit::TestHasher;

/// 4 KiB. Without boxes, the future of a login has 45 KiB.
const LARGEST: usize = 4 * 1024;

struct NoHeaders;

impl Headers for NoHeaders {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}
}

#[test]
fn no_future_of_an_endpoint_is_larger_than_four_kib() {
    gatewright_testkit::block_on(async {
        let tokens =
            Jwt::hs256(HmacSecret::generate().unwrap()).issuer("https://issuer.example").audience("api");
        let auth = Auth::local(MemoryStore::new(), tokens.build().unwrap(), TestHasher::new())
            .with_registration_role(RoleName::new("user").unwrap())
            .build()
            .unwrap();
        let password = Password::new("correct horse battery staple");
        let registration = Registration::new("ada@example.com", password.clone()).unwrap();
        let mut sizes = vec![
            ("login", size_of_val(&auth.login(Login::new("ada@example.com", password)))),
            ("register", size_of_val(&auth.register(registration))),
            ("refresh", size_of_val(&auth.refresh(Refresh::new(TokenText::new("a token"))))),
        ];
        for endpoint in Endpoint::ALL {
            let view = RequestView::new(endpoint.method(), &NoHeaders);
            sizes
                .push((endpoint.path(), size_of_val(&auth.handle(*endpoint, &view, Ok(Default::default())))));
        }
        println!("{sizes:?}");
        assert!(sizes.iter().all(|(_, size)| *size <= LARGEST), "{sizes:?}");
        assert_eq!(sizes.len(), 3 + Endpoint::ALL.len());
    });
}
