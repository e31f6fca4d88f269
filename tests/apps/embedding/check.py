"""What the embedding scripts share: one request over a new connection."""
import http.client


def get(port, path="/hello", host="127.0.0.1"):
    connection = http.client.HTTPConnection(host, int(port), timeout=15)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def refused(port):
    try:
        get(port)
    except OSError:
        return True
    return False
