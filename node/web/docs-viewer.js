// Shows this service's OpenAPI document, and asks nobody but this service.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  validatorUrl: "none",
  docExpansion: "list",
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
});
