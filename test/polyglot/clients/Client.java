// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

public class Client {
  public static void main(String[] args) throws Exception {
    String to = args[0];
    String me = args[1];
    HttpClient client = HttpClient.newHttpClient();
    HttpRequest.Builder greeting = HttpRequest.newBuilder(URI.create(to + "/greeting?client=" + me));
    HttpRequest.Builder order = HttpRequest.newBuilder(URI.create(to + "/orders"))
        .header("content-type", "application/json")
        .POST(BodyPublishers.ofString("{\"client\":\"" + me + "\",\"items\":[1,2],\"password\":\"hunter2-" + me + "\"}"));
    for (HttpRequest.Builder request : new HttpRequest.Builder[] {greeting, order}) {
      var response = client.send(request.header("authorization", "Bearer s3cret-" + me).build(), BodyHandlers.ofString());
      System.out.println(response.version().name().replace("HTTP_2", "HTTP/2") + " " + response.statusCode() + " " + response.body());
    }
  }
}
