//! Forms with a file: <https://datatracker.ietf.org/doc/html/rfc7578> (read 2026-11-25).

/// A form that is being written. Names and the file's name are plain: their request was validated.
pub(super) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// An empty form whose boundary occurs in none of `contents`.
    pub(super) fn around(contents: &[&[u8]]) -> Self {
        let boundary = (0_u64..)
            .map(|number| format!("polyroute-{number:016x}"))
            .find(|boundary| !contents.iter().any(|content| holds(content, boundary.as_bytes())));
        Self { boundary: boundary.unwrap_or_default(), body: Vec::new() }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.head(&format!("Content-Disposition: form-data; name=\"{name}\""));
        self.body.extend_from_slice(value.as_bytes());
        self.body.extend_from_slice(b"\r\n");
    }

    /// Adds the file.
    pub(super) fn file(&mut self, file_name: &str, media_type: &str, content: &[u8]) {
        self.head(&format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\nContent-Type: {media_type}"
        ));
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
    }

    /// The form and its media type.
    pub(super) fn finish(mut self) -> (Vec<u8>, String) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (self.body, format!("multipart/form-data; boundary={}", self.boundary))
    }

    fn head(&mut self, lines: &str) {
        self.body.extend_from_slice(format!("--{}\r\n{lines}\r\n\r\n", self.boundary).as_bytes());
    }
}

fn holds(content: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(content, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_that_the_file_holds_is_not_taken() {
        let file = b"--polyroute-0000000000000000\r\nevil";

        let mut form = Form::around(&[file]);
        form.text("model", "m");
        form.file("a.wav", "audio/wav", file);
        let (body, media_type) = form.finish();

        assert_eq!(media_type, "multipart/form-data; boundary=polyroute-0000000000000001");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "--polyroute-0000000000000001\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n\
             --polyroute-0000000000000001\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
             Content-Type: audio/wav\r\n\r\n--polyroute-0000000000000000\r\nevil\r\n--polyroute-0000000000000001--\r\n"
        );
    }
}
