'use strict';

// standard returns a client by the WebSocket interface of browsers, which is
// that of ws and undici too. What it is to do are its methods, and what it sees
// it hands to saw.
function standard(WebSocket, saw) {
  let socket;
  return {
    dial({url}) {
      socket = new WebSocket(url);
      socket.onopen = () => saw({saw: 'open'});
      socket.onmessage = ({data}) => saw({saw: 'text', text: data});
      socket.onclose = ({code, reason}) => saw({saw: 'closed', code, reason});
      socket.onerror = () => {};   // its end follows
    },
    send({text}) { socket.send(text); },
    close({code, reason}) { socket.close(code, reason); },
  };
}

if (typeof module === 'object') module.exports = standard;
