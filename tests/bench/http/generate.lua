-- wrk: a generateContent request as an SDK sends it.
wrk.method = "POST"
wrk.path = "/v1beta/models/gemini-2.5-flash:generateContent"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Language"] = "*"
wrk.headers["Accept-Encoding"] = "gzip, deflate"
wrk.headers["User-Agent"] = "google-genai-sdk/3.1.0 gl-node/v20"
wrk.headers["X-Goog-Api-Client"] = "google-genai-sdk/3.1.0 gl-node/v20"
wrk.headers["X-Goog-Api-Key"] = "pool"
wrk.body = '{"contents":[{"role":"user","parts":[{"text":"' .. string.rep("Tell me of rivers. ", 12) .. '"}]}]}'
